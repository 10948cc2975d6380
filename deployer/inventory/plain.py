"""Values of formats whose parsers keep no lines: JSON and TOML."""

from datetime import date, datetime, time

from deployer.inventory.place import Located, Place


def located(value: object, place: Place) -> Located:
    """Put a tree of plain values into the one place that is known of it."""
    if isinstance(value, dict):
        return Located({key: located(part, place) for key, part in value.items()}, place)
    if isinstance(value, list):
        return Located(tuple(located(part, place) for part in value), place)
    if isinstance(value, date | datetime | time):
        return Located(value.isoformat(), place)
    if value is None or isinstance(value, bool | int | float | str):
        return Located(value, place)
    raise TypeError(type(value).__name__)
