"""The commands ``alignment-monitor dashboard`` and ``up``: what runs until Ctrl-C."""

from typing import Annotated

import typer

from alignment_monitor.cli.common import Home, console, demo_home, fail, load_settings
from alignment_monitor.dashboard_settings import is_local

Address = Annotated[
    str | None, typer.Option(help="Where to listen; else dashboard.address of monitor.yaml.")
]


def dashboard(
    home: Home = None,
    demo: Annotated[bool, typer.Option("--demo", help="Show what `demo` made.")] = False,
    port: Annotated[int, typer.Option(help="First port to try.")] = 8501,
    address: Address = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the one in the background.")] = False,
) -> None:
    """Serve the dashboard in the foreground, on this machine only unless told otherwise."""
    from alignment_monitor.operations import servers
    from alignment_monitor.operations.pipeline import prepare_dagster_home

    settings = load_settings(demo_home(home) if demo else home)
    if stop:
        console.print("Stopped." if servers.stop_dashboard(settings) else "None was running.")
        return
    prepare_dagster_home(settings)
    port = servers.free_port(port)
    try:
        command = servers.dashboard_command(settings, port, address)
    except servers.ServerError as error:
        fail(str(error))
    where = settings.dashboard.address if address is None else address
    reach = "this machine only" if is_local(where) else f"listens on {where}"
    console.print(f"Dashboard: http://localhost:{port} ({reach}; Ctrl-C ends it)")
    raise typer.Exit(servers.run_together([command]))


def up(
    home: Home = None,
    port: Annotated[int, typer.Option(help="First port to try for the dashboard.")] = 8501,
    dagster_port: Annotated[int, typer.Option(help="First port to try for Dagster.")] = 3000,
    address: Address = None,
) -> None:
    """Scheduler, daemon, Dagster's pages and the dashboard together, until Ctrl-C."""
    from dagster import DagsterInstance

    from alignment_monitor.operations import servers
    from alignment_monitor.operations.pipeline import end_dead_runs, prepare_dagster_home

    settings = load_settings(home)
    prepare_dagster_home(settings)
    port, dagster_port = servers.free_port(port), servers.free_port(dagster_port)
    try:
        commands = servers.everything(settings, port, dagster_port, address)
    except servers.ServerError as error:
        fail(str(error))
    with DagsterInstance.get() as instance:
        end_dead_runs(instance, ours_alone=False)
    console.print(f"Dashboard: http://localhost:{port}   Dagster: http://localhost:{dagster_port}")
    raise typer.Exit(servers.run_together(commands))
