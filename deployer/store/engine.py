"""How SQLite is opened: every commit on the disk, and nothing secret in an error."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event


def connect(path: Path, lock_timeout: float) -> Engine:
    """Make the engine of a database file."""
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),  # a ? in a path is part of the path
        # Bound values include certificates and sealed keys: never in an error message.
        hide_parameters=True,
        connect_args={"timeout": lock_timeout},
    )

    @event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's BEGIN below, not the driver's
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # WAL's default may lose the last commit
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # a key that left must not stay in a page

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        # A transaction that reads first and writes later could find itself overtaken.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def pragma(connection: Connection, name: str) -> int:
    """Read a number that SQLite keeps about the database."""
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def is_blank(connection: Connection) -> bool:
    """Say whether nothing was ever written: a making that was interrupted."""
    return pragma(connection, "schema_version") == 0  # counts every change of the tables
