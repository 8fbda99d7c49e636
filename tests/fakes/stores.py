"""Addresses of new operational stores: SQLite always, PostgreSQL where one is given.

Set ALIGNMENT_MONITOR_TEST_POSTGRES_URL to a database that may be emptied.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

POSTGRES = "ALIGNMENT_MONITOR_TEST_POSTGRES_URL"
KINDS = ("sqlite", "postgresql")


def new_store(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'home' / 'store.sqlite'}"
        return
    if not (url := os.environ.get(POSTGRES)):
        pytest.skip(f"set {POSTGRES} to a database that may be emptied")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
    engine.dispose()
    yield url
