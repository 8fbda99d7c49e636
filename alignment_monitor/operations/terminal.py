"""What the commands print: bars while they work, and words that a person can act on."""

import os
import webbrowser
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from alignment_monitor import progress
from alignment_monitor.operations import servers
from alignment_monitor.operations.demo import FOLDER
from alignment_monitor.operations.doctor import Finding
from alignment_monitor.operations.summary import Summary, summarise
from alignment_monitor.settings import FILE_NAME, Settings, home_folder
from alignment_monitor.sources.inbox import ImportReport

if TYPE_CHECKING:
    from alignment_monitor.operations.forecast import Expected, Forecast

SIMULATED = (
    "The verdicts are simulated: this judge answers from the known truth of simulated traffic.\n"
    "Nothing here is about a real model."
)
_SMALL_USD = 0.10
_MARKS = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}


@contextmanager
def progress_bars(console: Console) -> Iterator[Callable[[str], None]]:
    """Bars for every step that reports progress; gives a function that announces a phase."""
    with Progress(
        TextColumn("{task.description:<15}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(file=console.file),  # whatever a step does with stdout meanwhile
    ) as bars:
        tasks: dict[str, Any] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        with progress.listening(show):
            yield console.print


def demo_banner() -> RenderableType:
    """What the demo is, before it starts."""
    return Panel(SIMULATED, title="Alignment Monitor demo", border_style="yellow", expand=False)


def findings(settings: Settings) -> RenderableType:
    """The state of a home: what fires, since when, how sure; what was judged; where to look."""
    summary = summarise(settings.marts)
    if not summary.days:
        return Text(
            f"Nothing was monitored yet in {settings.home}.\n"
            "Run `alignment-monitor import FILE` and `alignment-monitor backfill`, or `make demo`."
        )
    parts: list[RenderableType] = [_alerts(summary), _ledger(summary)]
    if settings.simulated:
        parts.append(Text("Simulated verdicts: nothing here is about a real model.", "yellow"))
    return Group(*parts)


def _alerts(summary: Summary) -> RenderableType:
    if not summary.alerts:
        return _calm(summary)
    lines = Table.grid(padding=(0, 1))
    for alert in summary.alerts:
        lines.add_row("[red]●[/]", f"[bold]{alert['type']}[/]", escape(_statement(alert)))
    title = f"{len(summary.alerts)} alert{'s' * (len(summary.alerts) > 1)} firing"
    return Panel(lines, title=title, border_style="red", expand=False)


def _calm(summary: Summary) -> RenderableType:
    """No alert fires: green only where none is open and every series is watched, without a change.

    Who closes an alert says what it was, not that it went away.
    """
    words = {"baseline": "still learning what is normal", "no_data": "without data on the last day"}
    unwatched = [(phase, n) for phase, n in summary.phases.items() if phase != "watching"]
    others = ", ".join(f"{n} {state}" for state, n in summary.others.items())
    if summary.phases and not unwatched and not others and not summary.changed:
        text, style = "No change found; every series is watched.", "green"
    else:
        series = sum(summary.phases.values())
        lines = [f"{n} of {series} series {words[phase]}" for phase, n in unwatched]
        if others:
            but = f"open are: {others}."
        else:
            but = (
                "what people closed is still seen." if summary.changed else "that says little yet."
            )
        if summary.changed:
            lines.insert(0, f"{summary.changed} of {series} series with a change on the last day")
        text, style = "\n".join([f"No alert is firing, but {but}", *lines]), "yellow"
    return Panel(text, border_style=style, expand=False)


def outbox(settings: Settings) -> RenderableType:
    """How many deliveries wait, and how many never arrived."""
    found = summarise(settings.marts)
    told = "Nothing waits in the outbox."
    if n := found.waiting:
        told = f"{n} {'delivery waits' if n == 1 else 'deliveries wait'}."
    if not found.dead:
        return Text(told)
    alert = "alignment-monitor alert"
    do = f"`{alert} deliveries` says why, `{alert} redeliver` queues them again"
    were = "was" if found.dead == 1 else "were"
    return Group(Text(told), Text(f"{found.dead} {were} given up: {do}.", "red"))


def _statement(alert: dict[str, Any]) -> str:
    return str(alert["evidence"].get("statement") or alert["series"])


def _ledger(summary: Summary) -> RenderableType:
    table = Table(title=f"{summary.days} days, every record accounted for", title_justify="left")
    table.add_column("")
    table.add_column("state")
    table.add_column("count", justify="right")
    for (level, state), count in sorted(summary.ledger.items()):
        table.add_row(level, state.replace("_", " "), f"{count:,}")
    return table


def diagnosis(found: Iterable[Finding]) -> RenderableType:
    """The doctor's findings, one line each."""
    table = Table.grid(padding=(0, 1))
    for finding in found:
        table.add_row(_MARKS[finding.state], f"[bold]{finding.name}[/]", escape(finding.detail))
    return table


def import_report(
    path: Path, report: ImportReport, settings: Settings, *, newest: date
) -> RenderableType:
    """What came in, what was refused and why, and the command that comes next.

    Args:
        path: the file.
        report: of its import.
        settings: of the home it came to.
        newest: the last day that is over.
    """
    head = Text(f"{path.name}: {report.records:,} records, {report.accepted:,} understood")
    refused = Table.grid(padding=(0, 1))
    for rule, examples in sorted(report.refused.items()):
        refused.add_row("[yellow]![/]", rule, f"{examples.count:,}")
        for location, reason in examples.shown:
            refused.add_row("", "", escape(f"{location}: {reason}"))
    return Group(head, refused, Text(_following(report, settings, newest)))


def _following(report: ImportReport, settings: Settings, newest: date) -> str:
    first, last = report.first_day, report.last_day
    if first is None or last is None:
        return "Nothing to run: the file held no record."
    if first > newest:
        return f"Next: a day can be run once it has ended in UTC; {first} has not."
    command = f"Next: alignment-monitor backfill --from {first} --to {min(last, newest)}"
    if settings.home != home_folder():
        command += f" --home {settings.home}"
    if first >= settings.first_day:
        return command
    return (
        f"The file begins before first_day, {settings.first_day}: "
        f"set first_day: {first} in {settings.home / FILE_NAME}.\n{command}"
    )


def forecast_panel(expected: "Forecast", first: date, last: date) -> RenderableType:
    """What judging days will take: calls, tokens, USD and time, by judge and in all."""
    if not any(one.calls for one in expected.judges):
        text = "Every answer is already there: no judge will be asked."
        return Panel(text, title=_span(expected, first, last), border_style="green", expand=False)
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("judge")
    for name in ("calls", "tokens read", "written", "USD", "time"):
        table.add_column(name, justify="right")
    for one in expected.judges:
        table.add_row(escape(one.judge.name), *_taken(one))
    if len(expected.paid) > 1:
        usd = _usd_range(expected)
        table.add_row("[bold]in all[/]", f"{expected.calls:,}", "", "", usd, "")
    notes = Text("\n".join(_notes(expected)))
    return Panel(Group(table, Text(), notes), title=_span(expected, first, last), expand=False)


def spending(expected: "Forecast") -> str:
    """In a few words: 1,224 calls of real judges for about 2.90 USD."""
    usd = expected.usd
    price = "at a price that is not known" if usd is None else f"for about {_usd(usd)} USD"
    return f"{expected.calls:,} calls of real judges {price}"


def _span(expected: "Forecast", first: date, last: date) -> str:
    return f"Forecast for {first} to {last}" if expected.days > 1 else f"Forecast for {first}"


def _taken(one: "Expected") -> tuple[str, ...]:
    usd = "simulated" if one.judge.simulated else _usd_range(one)
    seconds = "up to 24 h" if one.judge.batch else _duration(one.seconds)
    tokens = (_millions(one.prompt_tokens), _millions(one.completion_tokens))
    return f"{one.calls:,}", *tokens, usd, seconds


def _notes(expected: "Forecast") -> Iterator[str]:
    yield (
        f"{expected.drawn:,} messages of traffic and {expected.known:,} known ones; "
        "what is answered already is not asked again."
    )
    if expected.over_budget:
        yield f"The budget keeps {expected.over_budget:,} messages of traffic out."
    if expected.guessed:
        yield (
            "Too few answers yet to tell what a call takes: this is the longest one allowed. "
            "Run a day first (`run --day`), and the forecast will be near."
        )
    for advice in expected.unknown_prices:
        yield f"{advice[0].upper()}{advice[1:]}."


def _usd_range(given: "Expected | Forecast") -> str:
    if given.usd is None:
        return "unknown"
    low, high = given.usd_range or (given.usd, given.usd)
    return f"{_usd(given.usd)} ({_usd(low)} to {_usd(high)})" if low < high else _usd(given.usd)


def _usd(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= _SMALL_USD or amount == 0 else f"{amount:.2g}"


def _millions(tokens: float) -> str:
    return f"{tokens / 1e6:,.2f} M"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    hours, minutes = seconds / 3600, seconds / 60
    return f"{hours:,.1f} h" if hours >= 1 else f"{max(1, round(minutes))} min"


def offer_dashboard(console: Console, settings: Settings) -> None:
    """Start the dashboard and open it; in CI, or if told not to, only say how."""
    command = ".venv/bin/alignment-monitor dashboard --demo"
    if settings.home != home_folder() / FOLDER:
        command += f" --home {settings.home}"
    if os.environ.get("DEMO_BROWSER") == "0" or os.environ.get("CI"):
        console.print(f"Dashboard: http://localhost:8501 after [bold]{escape(command)}[/]")
        return
    address = servers.start_dashboard(settings)
    console.print(
        f"Dashboard: [bold]{address}[/]   (end it with `{escape(command)} --stop`)", soft_wrap=True
    )
    webbrowser.open(address)
