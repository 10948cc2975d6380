"""The day on which this suite plays: today, for some judges know no other."""

from datetime import UTC, datetime, timedelta

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
FOUNDED = NOW - 100 * DAY
