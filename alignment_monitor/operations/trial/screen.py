"""A trial on a terminal: the transcript with its quotes in place, and the verdict beside it.

Here belongs the look alone. Whatever a stranger or a judge has written goes into ``Text``, never
into markup.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from alignment_monitor.judging.answer import LEVELS
from alignment_monitor.judging.rubric import POSITIVE_LEVEL, Rubric
from alignment_monitor.operations.audit.words import seconds, usd
from alignment_monitor.operations.trial.run import Trial
from alignment_monitor.operations.trial.visible import visible

LONGEST_ANSWER = 2_000
"""So much of an unusable answer is shown."""

_FOOTNOTES = "¹²³⁴⁵⁶⁷⁸⁹"
_HUES = ("cyan", "magenta", "blue", "green", "yellow")

Row = dict[str, Any]


def shown(trial: Trial, rubric: Rubric) -> RenderableType:
    """All of a trial."""
    notes = _Notes(trial, rubric)
    parts: list[RenderableType] = [*_transcript(trial, notes), Rule(style="dim")]
    if trial.answer.status == "ok":
        parts += _verdict(trial, rubric, notes)
    else:
        parts += _unusable(trial)
    return Group(*parts, Rule(style="dim"), _call(trial))


class _Notes:
    """Quotes of the verdict, numbered in the order of the questions, equal ones together."""

    def __init__(self, trial: Trial, rubric: Rubric) -> None:
        self.quotes: list[str] = []
        self._of: dict[str, list[int]] = {}
        for name in rubric.graded:
            for evidence in trial.rows.get(name, {}).get("evidence") or ():
                quote = visible(evidence["quote"])
                if quote not in self.quotes:
                    self.quotes.append(quote)
                self._of.setdefault(name, []).append(self.quotes.index(quote))

    def of(self, question: str) -> Text:
        """The footnotes of a question."""
        return Text.assemble(*((mark(n), style(n)) for n in self._of.get(question, ())))


def mark(number: int) -> str:
    """The footnote sign of a quote."""
    return _FOOTNOTES[number] if number < len(_FOOTNOTES) else f"[{number + 1}]"


def style(number: int) -> str:
    """The colour of a quote."""
    return f"bold {_HUES[number % len(_HUES)]}"


def place_of(quote: str, text: str) -> tuple[int, int] | None:
    """Where a quote stands in a text, white space aside; null if nowhere."""
    words = [re.escape(word) for word in quote.split()]
    found = re.search(r"\s+".join(words), text) if words else None
    return found.span() if found else None


def highlighted(text: str, quotes: Sequence[str]) -> Text:
    """The text with each quote coloured and its footnote behind it."""
    found = [(number, place_of(quote, text)) for number, quote in enumerate(quotes)]
    places = [(number, *place) for number, place in found if place]
    whole = Text(text)
    for number, start, end in places:
        whole.stylize(f"{style(number)} underline", start, end)
    ends = sorted((end, number) for number, _, end in places)
    pieces = whole.divide([end for end, _ in ends])
    marked = Text()
    for place, piece in enumerate(pieces):
        marked.append_text(piece)
        if place < len(ends):
            marked.append(mark(ends[place][1]), style(ends[place][1]))
    return marked


def _transcript(trial: Trial, notes: _Notes) -> Iterator[RenderableType]:
    unit = trial.unit
    if unit.omitted:
        yield Text(f"{unit.omitted} earlier messages are not shown to the judge.", "dim italic")
    for turn in unit.turns:
        judged = turn["index"] == unit.message_index
        name = Text(f"M{turn['index']} {turn['role']}", "bold" if judged else "dim")
        if judged:
            name.append("  judged", "reverse")
        text = visible(turn["content"])
        body = highlighted(text, notes.quotes) if judged else Text(text, "dim")
        yield name
        yield Padding(body, (0, 0, 1, 2))


def _verdict(trial: Trial, rubric: Rubric, notes: _Notes) -> Iterator[RenderableType]:
    rows = trial.rows
    if rationale := rows["stance"].get("rationale"):
        yield Padding(Text(visible(rationale), "italic"), (0, 0, 1, 0))
    yield _stance(rows["stance"], rubric)
    yield _opportunities(rows, rubric)
    yield Padding(_levels(rows, rubric, notes), (1, 0))
    if choices := _choices(rows, rubric):
        yield choices


def _stance(row: Row, rubric: Rubric) -> Text:
    level = row.get("level")
    line = Text.assemble(("Stance  ", "bold"))
    for step in sorted(rubric.stance.levels):
        line.append(f" {step:+d} " if step else " 0 ", "reverse bold" if step == level else "dim")
    return line.append(
        f"  {rubric.stance.levels.get(level, 'not given')}" if level is not None else ""
    )


def _opportunities(rows: dict[str, Row], rubric: Rubric) -> Text:
    line, absent = Text.assemble(("Offered ", "bold")), []
    for name, opportunity in rubric.opportunities.items():
        if not rows[name].get("positive"):
            absent.append(f"{opportunity.title.lower()}{_chance(rows[name])}{_refused(rows[name])}")
            continue
        sides = [
            f"{side.replace('_', ' ')} {row.get('value') or '?'}{_chance(row)}"
            for side in opportunity.side
            if (row := rows.get(f"{name}.{side}"))
        ]
        line.append(f" {opportunity.title}{_chance(rows[name])}", "bold cyan")
        line.append(f" ({', '.join(sides)}) " if sides else " ")
    return line.append(f" not: {', '.join(absent)}" if absent else "", "dim")


def _levels(rows: dict[str, Row], rubric: Rubric, notes: _Notes) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    silent = []
    for name, question in rubric.graded.items():
        row = rows.get(name, {})
        if not row.get("applicable"):
            silent.append(question.title.lower() + _refused(row))
            continue
        level = row.get("level")
        table.add_row(
            Text(question.title, "bold" if name in rubric.monitored else ""),
            _bar(level, good=question.good),
            Text.assemble(
                "" if level is None else question.levels[level],
                (_chance(row), "dim"),
                " ",
                notes.of(name),
            ),
        )
    for name, rule in rubric.derived.items():
        if (row := rows.get(name, {})).get("applicable"):
            told = Text("yes" if row["positive"] else "no", _hue(row["positive"] == rule.good))
            table.add_row(Text(rule.title, "bold"), told, Text(rule.meaning, "dim"))
    if silent:
        table.add_row(Text("Not applicable", "dim"), "", Text(", ".join(silent), "dim"))
    return table


def _bar(level: int | None, *, good: bool) -> Text:
    """The level as filled blocks, red or green where it is charted."""
    if level is None:
        return Text("?")
    hue = _hue(good) if level >= POSITIVE_LEVEL else "yellow" if level else "dim"
    return Text.assemble(
        ("▰" * level, hue), ("▱" * (max(LEVELS) - level), "dim"), (f" {level}", hue)
    )


def _hue(good: bool) -> str:
    return "green" if good else "red"


def _choices(rows: dict[str, Row], rubric: Rubric) -> Text:
    line = Text()
    for name, choice in rubric.choices.items():
        if value := rows.get(name, {}).get("value"):
            line.append(f"{choice.title} ", "bold")
            line.append(f"{value.replace('_', ' ')}{_chance(rows[name])}   ")
    return line


def _chance(row: Row) -> str:
    """Its probability, from a judge that gives one."""
    given = row.get("probability")
    return "" if given is None else f" p {given:.2f}"


def _refused(row: Row) -> str:
    return " (refused)" if row.get("status") == "refused" else ""


def _unusable(trial: Trial) -> Iterator[RenderableType]:
    yield Text.assemble((f"{trial.answer.status}: ", "bold red"), visible(trial.answer.error or ""))
    if text := trial.answer.text:
        more = f"\n... {len(text) - LONGEST_ANSWER:,} characters more" * (
            len(text) > LONGEST_ANSWER
        )
        yield Padding(Text(f"{visible(text[:LONGEST_ANSWER])}{more}", "dim"), (1, 0, 0, 2))
    again, status = trial.judge.again_if_invalid, trial.answer.status
    retried = f"ask again up to {again} times, then " if status == "invalid" and again else ""
    yield Text(f"A run would {retried}count the message as judge_{status}.")


def _call(trial: Trial) -> Text:
    answer = trial.answer
    known = answer.prompt_tokens is not None
    tokens = f"{answer.prompt_tokens:,} + {answer.completion_tokens or 0:,} tokens" if known else ""
    facts = [
        tokens or "tokens unknown",
        usd(trial.rows["stance"]["cost_usd"]),
        seconds(trial.seconds),
    ]
    line = Text(f"{' · '.join(facts)} · {trial.fingerprint}", "dim")
    if trial.judge.simulated:
        line.append("\nA simulated judge: it answers from known labels.", "yellow")
    return line
