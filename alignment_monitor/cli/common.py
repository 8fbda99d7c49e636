"""What the commands share: the console, their common options, and how they fail."""

import getpass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from alignment_monitor.settings import Settings, SettingsError, home_folder, load

console = Console(highlight=False)

Home = Annotated[
    Path | None,
    typer.Option("--home", help="Else ALIGNMENT_MONITOR_HOME, else ./.alignment_monitor"),
]


def load_settings(home: Path | None) -> Settings:
    """The settings of a home, or the end of the command with what is wrong in them."""
    try:
        return load(home)
    except SettingsError as error:
        fail(str(error))


def demo_home(home: Path | None) -> Path:
    """Where the demo lives: in the folder that was named, else beside what is real."""
    from alignment_monitor.operations.demo import FOLDER

    return home_folder(home) if home else home_folder() / FOLDER


def require_writable(home: Path) -> None:
    """End the command if the home cannot be written."""
    from alignment_monitor.operations.doctor import unwritable

    if problem := unwritable(home):
        fail(problem)


def fail(message: str) -> NoReturn:
    """End the command: what is wrong, and what to do."""
    Console(stderr=True, highlight=False).print(f"[red]✗[/] {escape(message)}", soft_wrap=True)
    raise typer.Exit(2)


def yesterday() -> date:
    """The last day that is over in UTC."""
    return datetime.now(UTC).date() - timedelta(days=1)


def user() -> str:
    """Who types; a container may not know."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
