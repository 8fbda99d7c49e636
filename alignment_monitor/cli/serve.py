"""The commands ``alignment-monitor dashboard`` and ``up``: what runs until Ctrl-C."""

from typing import Annotated

import typer

from alignment_monitor.cli.common import Home, console, demo_home, load_settings


def dashboard(
    home: Home = None,
    demo: Annotated[bool, typer.Option("--demo", help="Show what `demo` made.")] = False,
    port: Annotated[int, typer.Option(help="First port to try.")] = 8501,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the one in the background.")] = False,
) -> None:
    """Serve the dashboard on this machine, in the foreground."""
    from alignment_monitor.operations import servers
    from alignment_monitor.operations.pipeline import prepare_dagster_home

    settings = load_settings(demo_home(home) if demo else home)
    if stop:
        console.print("Stopped." if servers.stop_dashboard(settings) else "None was running.")
        return
    prepare_dagster_home(settings)
    port = servers.free_port(port)
    console.print(f"Dashboard: http://localhost:{port} (this machine only; Ctrl-C ends it)")
    raise typer.Exit(servers.run_together([servers.dashboard_command(port)]))


def up(
    home: Home = None,
    port: Annotated[int, typer.Option(help="First port to try for the dashboard.")] = 8501,
    dagster_port: Annotated[int, typer.Option(help="First port to try for Dagster.")] = 3000,
) -> None:
    """Scheduler, daemon, Dagster's pages and the dashboard together, until Ctrl-C."""
    from dagster import DagsterInstance

    from alignment_monitor.operations import servers
    from alignment_monitor.operations.pipeline import end_dead_runs, prepare_dagster_home

    prepare_dagster_home(load_settings(home))
    with DagsterInstance.get() as instance:
        end_dead_runs(instance, ours_alone=False)
    port, dagster_port = servers.free_port(port), servers.free_port(dagster_port)
    console.print(f"Dashboard: http://localhost:{port}   Dagster: http://localhost:{dagster_port}")
    raise typer.Exit(servers.run_together(servers.everything(port, dagster_port)))
