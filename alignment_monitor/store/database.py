"""Opening the operational store: connections, and the way forward through its migrations.

Here belong: what SQLite needs to be shared safely, and which migration a store stands at. Here
does not belong: the tables (schema) or the steps between versions (migrations/versions).
"""

import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 30
"""How long a SQLite connection waits for another writer."""

_MIGRATION_LOCK = 0x616C69676E  # any number that no other application on the server uses
_BEGIN = "alignment_monitor_begin"


class StoreError(Exception):
    """The operational store cannot be used; the message says why and what to do."""


def open_store(url: str) -> Engine:
    """Open the operational store, made or migrated forward where needed.

    Safe when several processes open a new store at once: one migrates, the others wait.

    Args:
        url: SQLAlchemy address, ``sqlite:///path`` or ``postgresql+driver://...``.

    Raises:
        StoreError: the address cannot be used, or the store is newer than this code.
    """
    engine = _engine(url)
    try:
        _migrate(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        raise StoreError(
            f"The operational store {_shown(engine)} cannot be opened: "
            f"{getattr(error, 'orig', None) or type(error).__name__}"
        ) from error
    except StoreError:
        engine.dispose()
        raise
    return engine


def is_there(url: str) -> bool:
    """Whether a store was made at an address; only a file of SQLite can be known to be missing."""
    try:
        address = make_url(url)
    except ArgumentError:
        return True
    name = address.database or ""
    is_file = address.get_backend_name() == "sqlite" and not name.startswith(("file:", ":memory:"))
    return Path(name).exists() if is_file and name else True


def transaction(engine: Engine) -> AbstractContextManager[Connection]:
    """A transaction that reads before it writes: the write lock of SQLite is taken at its start.

    Begun as a reader, it could not become a writer once another process had written.
    """
    return engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}).begin()


def insert_new(engine: Engine, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows in one transaction; one whose key is there already changes nothing."""
    if engine.dialect.name == "postgresql":
        statement: Any = postgresql.insert(table).on_conflict_do_nothing()
    else:
        statement = sqlite.insert(table).on_conflict_do_nothing()
    with engine.begin() as connection:
        connection.execute(statement, rows)


def revisions() -> list[str]:
    """All versions of the store that this code knows, oldest first."""
    return sorted(path.stem.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _engine(url: str) -> Engine:
    try:
        address = make_url(url)
        sqlite = address.get_backend_name() == "sqlite"
        engine = create_engine(
            address,
            pool_pre_ping=not sqlite,
            connect_args={"timeout": BUSY_SECONDS} if sqlite else {},
        )
    except (ArgumentError, ImportError) as error:
        shown = re.sub(r"//[^@]*@", "//***@", url)
        raise StoreError(
            f"The operational store {shown} cannot be opened: {error}. Give a SQLAlchemy address, "
            "and install the driver it names (postgresql+psycopg needs the package psycopg)."
        ) from error
    if sqlite:
        if address.database and address.database != ":memory:":
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "handle_error", _busy_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver would begin transactions on its own, late and without DDL: we begin them.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _busy_sqlite(context: ExceptionContext) -> None:
    """Another writer held it for too long: no fault of the statement, and worth trying again."""
    if getattr(context.original_exception, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
        raise StoreError(
            f"The operational store is in use by another process and was not free within "
            f"{BUSY_SECONDS} seconds: nothing was changed. Try again."
        ) from context.original_exception


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _migrate(engine: Engine) -> None:
    known = revisions()
    with engine.connect() as connection:
        if _version(connection, known) == known[-1]:
            return
    with transaction(engine) as connection:
        if engine.dialect.name == "postgresql":
            lock = text("select pg_advisory_xact_lock(:key)")
            connection.execute(lock, {"key": _MIGRATION_LOCK})
        if _version(connection, known) != known[-1]:  # else another process was faster
            upgrade(connection, "head")


def upgrade(connection: Connection, revision: str) -> None:
    """Migrate forward to a revision, in the transaction of the connection."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _version(connection: Connection, known: list[str]) -> str | None:
    """The version a store stands at; null if it is new."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version = connection.execute(text("select version_num from alembic_version")).scalar()
    if version is not None and version not in known:
        raise StoreError(
            f"The operational store {_shown(connection.engine)} has version {version}, newer than "
            f"{known[-1]}, the last this code knows: update alignment-monitor, or give another "
            "store by ALIGNMENT_MONITOR_STORE_URL."
        )
    return str(version) if version is not None else None


def _shown(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)
