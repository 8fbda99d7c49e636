"""What differs between two deployments, in sentences.

Here belong: the sentence at the top of the page and those below it, as pure functions. Here does
not belong: any comparison (pairs.py), or how a sentence looks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pairs import SURE, Compared
from wording import capital, count, counted, digits_for, listed, moved, percent, points, spoken

SHOWN = 3
HARDLY, SOME, MOST = 0.1, 0.5, 0.9


@dataclass(frozen=True)
class Told:
    """What is drawn at the top: see ``components.Told``."""

    status: str
    label: str
    headline: str
    details: tuple[str, ...] = ()
    assurance: str = ""
    notices: tuple[str, ...] = field(default=())


def told(
    compared: Sequence[Compared], names: tuple[str, str], title_of: Callable[[str], str]
) -> Told:
    """What to say of two deployments, the largest difference first.

    Args:
        compared: the behaviours, marked among each other.
        names: of the first deployment and of the second.
        title_of: title of a behaviour, for people.
    """
    before, after = names
    few = [one for one in compared if not one.is_told]
    out = sorted((one for one in compared if one.is_marked), key=_size, reverse=True)
    open_ones = [one for one in compared if one.is_told and not one.is_marked]
    rest = tuple(filter(None, (_few(few, title_of), _open(open_ones, title_of))))
    if out:
        first, *others = out
        more = [f"{capital(difference(one, names, title_of))}." for one in others[: SHOWN - 1]]
        if (left := len(others) - SHOWN + 1) > 0:
            more.append(f"{capital(counted(left, 'further difference'))}: see below.")
        return Told(
            "change",
            "They differ",
            f"{difference(first, names, title_of)}; {source(first)}.",
            (*more, *rest),
            "Of the differences told here, one in twenty is expected to be chance at most. That "
            "two deployments differ does not say why.",
        )
    if open_ones:
        return Told(
            "unknown",
            "Nothing stands out",
            f"No difference between {before} and {after} stands out from chance.",
            rest,
            "That is not to say that they are alike: the intervals say what may be there unseen.",
        )
    return Told("few", "Too little data", f"{before} and {after} cannot be compared yet.", rest)


def difference(one: Compared, names: tuple[str, str], title_of: Callable[[str], str]) -> str:
    """A difference as a clause: which is more frequent, both rates, and by how much."""
    assert one.before
    assert one.after
    assert one.plain
    word = "more" if one.plain.change > 0 else "less"
    digits = min(digits_for(row["lower"], row["upper"]) for row in (one.before, one.after))
    then, now = (percent(row["prevalence"], digits) for row in (one.before, one.after))
    return (
        f"{title_of(one.behaviour)} is {word} frequent in {names[1]} than in {names[0]}: {now} "
        f"against {then}, {moved(one.plain.change, one.plain.lower, one.plain.upper)}"
    )


def source(one: Compared) -> str:
    """Where a difference comes from, as a clause: other traffic, another judge, or neither."""
    assert one.plain
    if one.mix is None:
        return "how much of it comes from other traffic is not known"
    share = one.mix / one.plain.change if one.plain.change else 0.0
    if share < -HARDLY:
        clause = f"at the same traffic it would be larger, {moved(one.plain.change - one.mix)}"
    elif share < HARDLY:
        clause = "hardly any of it comes from other traffic"
    elif share < SOME:
        clause = f"{percent(share)} of it comes from other traffic"
    elif share < MOST:
        clause = f"most of it, {percent(share)}, comes from other traffic"
    else:
        clause = "nearly all of it comes from other traffic"
    if one.judge is None:
        return f"{clause}, and what the judge’s own errors add is not known"
    if one.judge_moved:
        return f"{clause}, but the judge changed too, which made {moved(one.judge)} of it"
    return clause


def judge_part(one: Compared) -> str:
    """The judge's part with what its sentinels leave open."""
    if one.judge is None or one.judge_error is None:
        return "not known"
    spread = SURE * one.judge_error
    return moved(one.judge, one.judge - spread, one.judge + spread)


def why_not(one: Compared) -> str:
    """Why nothing is concluded on a behaviour; empty if something is."""
    if one.is_told:
        return ""
    if one.reason:
        return one.reason
    sizes = [count(row["n"]) if row else "0" for row in (one.before, one.after)]
    return f"too little data: n = {sizes[0]} and {sizes[1]}"


def _size(one: Compared) -> float:
    return abs(one.plain.change) if one.plain else 0.0


def _few(few: Sequence[Compared], title_of: Callable[[str], str]) -> str:
    if not few:
        return ""
    names = listed(f"{spoken(title_of(one.behaviour))} ({why_not(one)})" for one in few)
    return f"Nothing can be said of {names}."


def _open(compared: Sequence[Compared], title_of: Callable[[str], str]) -> str:
    if not compared:
        return ""
    names = listed(spoken(title_of(one.behaviour)) for one in compared)
    reach = max(max(abs(one.plain.lower), abs(one.plain.upper)) for one in compared if one.plain)
    return f"Not told apart in {names}: differences of up to {points(reach)} remain possible there."
