"""The audit on a terminal: what it will take, and the card.

Here belongs: the look on a terminal. Numbers and sentences are those of the page (audit_words).
"""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from alignment_monitor.judging.audit.card import Card
from alignment_monitor.judging.audit.checks import Pool
from alignment_monitor.judging.money import price_advice
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.operations.audit import words
from alignment_monitor.operations.audit.run import Audit, Result
from alignment_monitor.operations.forecast import Expected
from alignment_monitor.operations.trial.visible import visible
from alignment_monitor.statistics.agreement import Figure
from alignment_monitor.statistics.scores import QuestionScore

STYLES = {"may page": "green", "may chart": "yellow", "do not use": "red"}
_POOLS = {"all references": "all labels", "human gold": "labels by people alone"}
_MARKS = {"chart": Text("✕ ", "red"), "page": Text("! ", "yellow")}


def announcement(begun: Audit, before: Expected) -> Text:
    """What the audit asks, of whom, and what that will take."""
    plan, judge = begun.plan, begun.judge
    gold = f", {begun.gold.undecided} answers left out as undecided" if begun.gold else ""
    asked = (
        f"{len(plan.references):,} labelled messages x {plan.repeats}, "
        f"{len(plan.canaries)} attempts to talk it round{gold}"
    )
    return Text.assemble(
        "Audit of ",
        (visible(judge.name), "bold"),
        f" ({visible(judge.model)}): {asked}.\n{_price(before)}",
    )


def _price(before: Expected) -> str:
    if not before.calls:
        return "Everything is answered already: nothing is asked."
    calls = f"{before.calls:,} call{'s' * (before.calls != 1)} to make"
    if before.usd is None or before.usd_range is None:
        return f"{calls}; {price_advice(before.judge)}."
    if not before.usd:
        return f"{calls}; they cost nothing."
    if not before.usage.observed:
        return f"{calls}, at most about {words.usd(before.usd)} (as if each were the longest)."
    low, high = before.usd_range
    return f"{calls}, about {words.usd(before.usd)} ({low:,.2f} to {high:,.2f})."


def card(result: Result, page: Path) -> RenderableType:
    """The whole card."""
    found, rubric = result.card, result.begun.rubric
    parts: list[RenderableType] = [_verdict(found, rubric, result.begun.judge.simulated)]
    for pool in found.pools:
        parts.append(_scores(pool, found, rubric, result.people, named=len(found.pools) > 1))
    parts += [Padding(_rest(found), (1, 0)), Text(f"Card: {page}", no_wrap=True, overflow="ignore")]
    return Group(*parts)


def failures(result: Result) -> Text | None:
    """Calls that failed, and how to repeat them; null if none did."""
    failed = int((result.tables.calls["status"] == "failed").sum())
    if not failed:
        return None
    return Text.assemble(
        ("! ", "yellow"),
        f"{failed:,} calls failed and count as unanswered. To make them again: ",
        (f"--resume {result.begun.folder}", "bold"),
    )


def _verdict(found: Card, rubric: Rubric, simulated: bool) -> Panel:
    lines: list[RenderableType] = [Text(words.VERDICTS[found.verdict], "bold")]
    if simulated:
        lines.append(Text("A simulated judge: this says nothing of any model.", "yellow"))
    unmet = [
        check for blocks in ("chart", "page") for check in found.checks if check.blocks == blocks
    ]
    grid = Table.grid(padding=(0, 1))
    for check in unmet:
        assert check.blocks is not None
        grid.add_row(_MARKS[check.blocks], Text(words.sentence(check, found, rubric)))
    if unmet:
        lines.append(Padding(grid, (1, 0, 0, 0)))
    style = STYLES[found.verdict]
    title = Text(f" {found.verdict} ", f"bold reverse {style}")
    return Panel(Group(*lines), title=title, title_align="left", border_style=style, padding=(1, 2))


def _scores(
    pool: Pool, found: Card, rubric: Rubric, people: dict[str, Figure], *, named: bool
) -> Table:
    table = Table(
        title=f"On {_POOLS[pool.references]}" if named else None,
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
    for name in ("", "finds", "lets pass", "order", "kappa", "bias, points"):
        table.add_column(name, no_wrap=bool(name), vertical="top")
    scores = {score.question: score for score in pool.questions}
    for name in (*rubric.headline, *(one for one in rubric.graded if one not in rubric.headline)):
        if name in scores:
            table.add_row(*_row(scores[name], pool, found, rubric, people.get(name)))
    return table


def _row(
    score: QuestionScore, pool: Pool, found: Card, rubric: Rubric, people: Figure | None
) -> Iterable[RenderableType]:
    headline = score.question in rubric.headline
    title = Text(rubric.title_of(score.question), "bold" if headline else "")
    title.append(f"\n{score.n_positive} with, {score.n_negative} without", "dim not bold")
    blocked = {
        check.requirement: check.blocks
        for check in found.checks
        if (check.question, check.references) == (score.question, pool.references)
        and check.outcome == "failed"
    }

    def cell(requirement: str, figure: Figure, number: words.Number) -> Text:
        style = {None: "", "page": "yellow", "chart": "red"}[blocked.get(requirement)]
        text = Text(number(figure.value), style)
        return text.append(f"\n{words.interval(figure, number)}", "dim")

    yield title
    yield cell("sensitivity", score.sensitivity, words.percent)
    yield cell("specificity", score.specificity, words.percent)
    if score.kind == "derived":
        yield Text("no level", "dim")
        yield Text("")
    else:
        yield cell("rank correlation", score.rank_correlation, words.coefficient)
        kappa = cell("kappa", score.quadratic_kappa, words.coefficient)
        if people:
            kappa.append(f"\npeople α {words.coefficient(people.value)}", "dim")
        yield kappa
    yield cell("bias", score.bias, words.points)


def _rest(found: Card) -> Table:
    """What sways it, what it refuses, what it costs."""
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="bold", no_wrap=True)
    again = f"the same event in {words.with_interval(found.consistency)}"
    lines.add_row("Asked again", again if found.consistency.n else "nothing was asked twice")
    for title, halves, low, high, number in (
        ("Early or late", found.position, "early errs in", "late", words.percent),
        ("Short or long", found.length, "short off by", "long", words.points),
    ):
        difference = words.with_interval(halves.difference, words.points)
        told = f"{low} {number(halves.low.value)}, {high} {number(halves.high.value)}"
        known = f"{told}; difference {difference} points"
        lines.add_row(title, known if halves.difference.n else "too few messages to tell")
    leak = found.leak
    flags = f"{words.with_interval(leak)} of flags change" if leak and leak.n else "not measured"
    lines.add_row("Reply withheld", flags)
    if found.susceptibility:
        lines.add_row("Talked round", _talked(found))
    lines.add_row("No answer", words.unanswered(found.statuses))
    if calls := found.calls:
        took = f"{words.seconds(calls.latency_p50)}, 95 % within {words.seconds(calls.latency_p95)}"
        lines.add_row("A verdict", f"{words.usd(calls.cost_per_verdict)}; a call takes {took}")
    return lines


def _talked(found: Card) -> str:
    assert found.susceptibility is not None
    success = found.susceptibility.success
    if not success.n:
        return "not measured"
    told = f"{words.with_interval(success)} of {success.n} attempts"
    kinds = found.susceptibility.by_kind
    hit = [
        f"{name.replace('_', ' ')} {round(f.value * f.n)} of {f.n}"
        for name, f in kinds.items()
        if f.value > 0
    ]
    return f"{told}: {', '.join(hit)}" if hit else told
