"""A conversation and its verdict as markup, from text that nobody trusts.

Here belong: bubbles, highlighted evidence and the rubric's wording beside a level, as pure
functions that return markup. Every foreign string passes through ``components.text`` or is
escaped piece by piece; nothing here reads a file or draws a page.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any
from unicodedata import combining, normalize

from components import dot, square, text
from wording import percent

from alignment_monitor.judging.prompt import neutralise, normalise
from alignment_monitor.judging.rubric import Rubric

Row = Mapping[str, Any]

SPEAKERS = {"user": "User", "assistant": "Assistant", "system": "System", "tool": "Tool"}
ASIDE = ("system", "tool")
EXCERPT = 170
NEAR = 4
"""Characters before one that it may compose with, marks aside, which all hang together."""


def transcript(turns: Iterable[Row], judged: int, quotes: Sequence[str]) -> str:
    """The conversation as bubbles; evidence is marked in the judged message."""
    return "".join(_bubble(turn, judged, quotes) for turn in turns)


def verdict(answers: Sequence[Row], rubric: Rubric, colours: Mapping[str, str]) -> str:
    """What one judge answered, question by question, in the words of the rubric."""
    by_name = {row["question"]: row for row in answers}
    call = by_name.get("stance") or answers[0]
    if call["status"] != "ok":
        reason = text(call["error"] or "no reason was given")
        return f'<p class="am-lost">No verdict ({text(call["status"])}): {reason}</p>'
    parts = [f'<blockquote class="am-rationale">{text(call["rationale"] or "")}</blockquote>']
    if call["level"] is not None:
        wording = rubric.stance.levels.get(call["level"], "")
        parts.append(fact("Stance", f"{call['level']:+d} {escape(wording)}"))
    parts.append(fact("The user offered", _offered(by_name, rubric)))
    for name, graded in {**rubric.behaviours, **rubric.guards}.items():
        row = by_name.get(name)
        if row is not None and row["level"] is not None:
            wording = graded.levels.get(row["level"], "")
            parts.append(
                _level(rubric.title_of(name), row, wording, colours.get(name), graded.good)
            )
    for name in rubric.choices:
        row = by_name.get(name)
        if row is not None and row["value"]:
            parts.append(fact(rubric.title_of(name), text(str(row["value"]).replace("_", " "))))
    silent = [rubric.title_of(n) for n in rubric.behaviours if not _applies(by_name.get(n))]
    if silent:
        parts.append(
            f'<p class="am-faint am-small">Not applicable: {escape(", ".join(silent).lower())}.</p>'
        )
    return "".join(parts)


def sampled(row: Row, colour: str) -> str:
    """Why this message was judged, and how many it stands for."""
    share = row["inclusion_probability"]
    weight = f"; it stands for {1 / share:.1f} like it" if share else ""
    return (
        fact("Deployment", f"{square(colour)} {text(row['deployment'])}")
        + fact("Segment", text(row["segment"]))
        + fact("Screened as", text(row["bucket"]))
        + (fact("Stratum", text(row["stratum"].replace("|", " | "))) if row.get("stratum") else "")
        + fact("Purpose", "to estimate rates: drawn by chance alone")
        + fact("Sampled with", f"{percent(share, 0 if share >= 0.1 else 1)} chance{weight}")
    )


def row(message: Row, flagged: str, asked: str, answered: str, colour: str, link: str) -> str:
    """One message of the list: when, where, what was found, how it reads, and the way to it."""
    return (
        '<article class="am-row"><div>'
        f'<p class="am-small am-faint">{escape(message["day"].isoformat())} · {square(colour)} '
        f"{text(message['deployment'])} · {text(message['segment'])}</p>"
        f'<p class="am-flags">{flagged}</p>'
        f'<p class="am-line"><b>User</b> {text(asked)}</p>'
        f'<p class="am-line"><b>Reply</b> {text(answered)}</p>'
        f"</div>{link}</article>"
    )


def flags(messages: Sequence[Row], rubric: Rubric, colours: Mapping[str, str]) -> str:
    """What the judges found in a message, or why they found nothing."""
    found = dict.fromkeys(name for message in messages for name in message["flagged"] or ())
    chips = [
        f'<span class="am-chip">{dot(colours.get(name, "currentColor"))}'
        f"{text(rubric.title_of(name))}</span>"
        for name in found
    ]
    lost = {message["status"] for message in messages} - {"ok"}
    chips += [f'<span class="am-chip am-lost">{text(f"judge {status}")}</span>' for status in lost]
    return "".join(chips) or '<span class="am-faint am-small">nothing found</span>'


def excerpt(content: str) -> str:
    """The start of a message, on one line, to the end of a word where there is one."""
    line = " ".join(content.split())
    if len(line) <= EXCERPT:
        return line
    words, space, _ = line[: EXCERPT + 1].rpartition(" ")
    return f"{words if space else line[:EXCERPT]}…"


def highlight(content: str, quotes: Iterable[str]) -> str:
    """Escaped text with each quote marked where it stands."""
    parts, at = [], 0
    for start, end in _merged(_places(content, quotes)):
        parts += [escape(content[at:start]), f"<mark>{escape(content[start:end])}</mark>"]
        at = end
    return "".join([*parts, escape(content[at:])])


def _places(content: str, quotes: Iterable[str]) -> list[tuple[int, int]]:
    """Where quotes stand, under the folding that judged them to be literal."""
    folded: list[str] = []
    origin: list[tuple[int, int]] = []
    for start, end, shown in _composed(content):
        for piece in shown:
            if not piece.isspace():
                folded.append(piece)
                origin.append((start, end))
            elif folded and folded[-1] != " ":
                folded.append(" ")
                origin.append((start, end))
    flat = "".join(folded)
    found = []
    for quote in quotes:
        wanted = normalise(quote)
        at = flat.find(wanted) if wanted else -1
        if at >= 0:
            found.append((origin[at][0], origin[at + len(wanted) - 1][1]))
    return found


def _composed(content: str) -> Iterator[tuple[int, int, str]]:
    """Pieces of text that fold by themselves: where each begins and ends, and what it becomes.

    A letter and the marks that compose with it are one piece, so that the pieces add up to the
    folded whole.
    """
    neutral = neutralise(content)
    # Neutralising takes single characters out and replaces others one for one.
    places = [place for place, character in enumerate(content) if neutralise(character)]
    start = 0
    for place in range(1, len(neutral) + 1):
        near = neutral[max(start, place - NEAR) : place]
        if place == len(neutral) or not _hangs(near, neutral[place]):
            yield places[start], places[place - 1] + 1, normalize("NFKC", neutral[start:place])
            start = place


def _hangs(before: str, character: str) -> bool:
    """Whether a character changes what stands before it, or is changed by that."""
    if character.isascii():
        return False
    if combining(character):
        return True
    apart = normalize("NFKC", before) + normalize("NFKC", character)
    return normalize("NFKC", before + character) != apart


def _merged(places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(places):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _bubble(turn: Row, judged: int, quotes: Sequence[str]) -> str:
    role = turn["role"] if turn["role"] in SPEAKERS else "tool"
    here = turn["index"] == judged
    content = highlight(turn["content"], quotes if here else ())
    when = f"{turn['created_at']:%H:%M} UTC" if turn["created_at"] else ""
    head = f"{SPEAKERS[role]} <span>{when}</span>{'<em>judged message</em>' if here else ''}"
    kind = f"am-turn {role}{' judged' if here else ''}"
    body = f'<div class="said"><bdi dir="auto">{content}</bdi></div>'
    if role in ASIDE and not here:
        return f'<details class="{kind}"><summary>{head}</summary>{body}</details>'
    return f'<div class="{kind}"><p class="who">{head}</p>{body}</div>'


def fact(name: str, markup: str) -> str:
    """A name and, beside it, what it is; as finished markup."""
    return (
        f'<p class="am-fact"><span class="am-faint">{escape(name)}</span><span>{markup}</span></p>'
    )


def _offered(by_name: Mapping[str, Row], rubric: Rubric) -> str:
    shown = []
    for name, opportunity in rubric.opportunities.items():
        row = by_name.get(name)
        if row is None or not row["positive"]:
            continue
        sides = [
            f"{side.replace('_', ' ')}: {by_name[key]['value']}"
            for side in opportunity.side
            if (key := f"{name}.{side}") in by_name and by_name[key]["value"]
        ]
        detail = f' <span class="am-faint">({text(", ".join(sides))})</span>' if sides else ""
        shown.append(f"{text(opportunity.title.lower())}{detail}")
    return ", ".join(shown) or "no opportunity for sycophancy"


def _level(title: str, row: Row, wording: str, colour: str | None, good: bool) -> str:
    level = row["level"]
    steps = "".join(
        f'<i style="background:{colour or "currentColor"}"></i>' if step <= level else "<i></i>"
        for step in range(1, 4)
    )
    weight = " strong" if (level >= 2) != good else ""
    return (
        f'<div class="am-level{weight}"><p><b>{text(title)}</b>'
        f'<span class="am-steps" role="img" aria-label="level {level} of 3">{steps}</span></p>'
        f'<p class="am-small">{level} · {escape(wording)}</p></div>'
    )


def _applies(row: Row | None) -> bool:
    return row is not None and bool(row["applicable"])
