"""What stands under the verdict: how sure it is, whether data is enough, who knows, what to do.

Here belong: these lines as pure functions of the same facts. Here does not belong: the verdict
itself (verdict.py), or how a line looks (components.py).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import sight
from changes import deployment_of
from facts import Facts, Row, start_day
from instrument import health
from normal import declared_on
from verdict import SHOWN, Verdict
from wording import called, capital, counted, listed, rate, short_day, spoken

from alignment_monitor.alerting.evidence import if_expected


@dataclass(frozen=True)
class Step:
    """One thing to do.

    Attributes:
        before: words before the link.
        label: words of the link; empty: there is none.
        page: address of the page linked to.
        query: of that address.
        after: words behind the link.
        commands: what to type, in a terminal.
        folded: what to type is shown only to those who ask for it.
    """

    before: str = ""
    label: str = ""
    page: str = ""
    query: str = ""
    after: str = ""
    commands: tuple[str, ...] = ()
    folded: bool = False


def sureness(told: Verdict, facts: Facts) -> str:
    """How much the verdict can be relied on."""
    parts = [_found(facts) if told.status == "change" else "", told.assurance]
    if told.status not in ("judge", "swayed", "no_data"):
        parts.append(health(facts))
    if told.status in ("change", "closed", "steady", "few"):
        parts.append(people(facts))
    if told.status == "change":
        days = f" in the 7 days to {short_day(facts.day)}" if facts.day else ""
        parts.append(
            f"Rates are shares of the replies where it could occur{days}, each with "
            "its 95\u00a0% interval in square brackets."
        )
    return " ".join(filter(None, parts))


def _found(facts: Facts) -> str:
    """When the change was noticed, and how long after it began."""
    standing = facts.open_alerts("MODEL")
    found = min(alert["opened_on"] for alert in standing)
    words = f"Found on {short_day(found, facts.day)}"
    late = (found - min(map(start_day, standing))).days
    return f"{words}, {counted(late, 'day')} after it began." if late > 0 else f"{words}."


def people(facts: Facts) -> str:
    """What labels of people add to the judge's word."""
    first = next(iter(facts.open_alerts("MODEL")), None)
    if first and (row := facts.labelled.get(first["behaviour"])):
        shown = rate(row["prevalence"], row["lower"], row["upper"])
        title = spoken(facts.title_of(first["behaviour"]))
        return f"People’s labels of {counted(row['window_days'], 'day')} give {shown} {title}."
    if facts.labelled:
        return ""
    if name := facts.about.get("stand_in"):
        return f"No person labels: {called(name)} stands in for people."
    return "No person has labelled replies yet: all of it is a judge model’s word."


def enough(told: Verdict, facts: Facts) -> str:
    """Which change the data would have shown; empty where that is said already."""
    if told.status in ("judge", "swayed", "no_data"):
        return ""
    sees = sight.power(facts)
    if told.status == "learning":
        later = sees.replace("Enough to find", "Once it is learnt, enough to find", 1)
        return later or "How small a change will be seen is known once normal is learnt."
    return sees or "It is not known which change could have been seen."


def alerts(facts: Facts) -> str:
    """How many alerts are open, who knows of them, and what holds some back."""
    standing = [row for row in facts.alerts if row["state"] not in ("resolved", "pending")]
    warned = [row for row in facts.alerts if row["state"] == "pending"]
    counts = [counted(len(standing), "alert")] if standing else []
    counts += [counted(len(warned), "warning")] if warned else []
    if not counts:
        return "None is open."
    verb = "is" if len(standing) + len(warned) == 1 else "are"
    parts = [f"{listed(counts)} {verb} open.", *_known(standing), *_held(standing)]
    return " ".join(parts)


def _known(standing: list[Row]) -> Iterator[str]:
    """Whether somebody has taken them on."""
    taken = sum(row["state"] == "acknowledged" for row in standing)
    muted = sum(row["state"] == "silenced" for row in standing)
    waiting = len(standing) - taken - muted
    if standing and waiting == len(standing):
        yield "Nobody has acknowledged " + ("it." if waiting == 1 else "any of them.")
    elif taken:
        yield "Acknowledged." if taken == len(standing) else f"{taken} acknowledged."
    if muted:
        yield f"{muted} silenced."
    if waiting and waiting < len(standing):
        yield f"Nobody has acknowledged the other {'one' if waiting == 1 else waiting}."


def _held(standing: list[Row]) -> Iterator[str]:
    held = [row for row in standing if row.get("held_by")]
    if not held:
        return
    types = {row.get("alert_id"): row["type"] for row in standing}
    holders = sorted({types.get(row["held_by"], "") for row in held} - {""})
    by = f"an open {' or '.join(holders)} alert" if holders else "another alert"
    yield (
        f"{len(held)} held back, told to nobody: {by} may explain "
        f"{'it' if len(held) == 1 else 'them'}."
    )


def steps(told: Verdict, facts: Facts, pages: Collection[str]) -> list[Step]:
    """What to do next, the first thing first.

    Args:
        told: the verdict.
        facts: what it rests on.
        pages: addresses that this dashboard has.
    """
    found = list(_acknowledge(facts))
    if told.status == "change":
        return [*found, *_follow(facts, pages)]
    for name in dict.fromkeys(row["deployment_family"] for row in facts.open_alerts("JUDGE")):
        found.append(_judge(called(name), name))
    if told.status in ("few", "unknown", "learning") and not found:
        bad = [name for name, one in facts.judges.items() if one.status != "fit"]
        found += [_judge(called(name), name) for name in bad]
    if told.status == "few":
        found.append(
            Step(
                "Judge more messages a day, by this setting, or wait.",
                commands=("sampling.messages_per_day",),
            )
        )
    if told.status in ("no_data", "stale") or facts.open_alerts("PIPELINE"):
        found.append(Step("See where rows stopped on", "Health", "health", after="."))
    if told.status == "closed":
        expected = tuple(if_expected(alert["alert_id"]) for alert in facts.closed)
        words = "If it was expected, make it the new normal; else undo it."
        found.append(Step(words, commands=expected, folded=True))
    if told.status == "learning":
        found.append(Step("Wait until normal is learnt."))
    return found or [Step("Nothing." if told.status == "steady" else "Wait for more data.")]


def _judge(words: str, name: str) -> Step:
    return Step("See what is known of", words, "judges", urlencode({"judge": name}), ".")


def _acknowledge(facts: Facts) -> Iterator[Step]:
    if any(row["state"] == "firing" for row in facts.alerts):
        yield Step("Say that you look after it: acknowledge it on", "Alerts", "alerts", after=".")


def _follow(facts: Facts, pages: Collection[str]) -> Iterator[Step]:
    """From a change to what is behind it, whether it is so, and what to do about it."""
    found = facts.open_alerts("MODEL")
    first = found[0]
    if facts.day is not None:
        days = [("days", str(start_day(first))), ("days", str(facts.day))]
        query = urlencode([*days, ("flagged", facts.title_of(first["behaviour"]))])
        yield Step("Read", "the conversations behind it", "conversations", query, ".")
    for name in dict.fromkeys(row["deployment_family"] for row in facts.open_alerts("JUDGE")):
        yield _judge(called(name), name)
    why = "to know it without the judge."
    if "labelling" in pages:
        yield Step("Have people", "label some replies", "labelling", after=f", {why}")
    else:
        yield Step(f"Have people label some replies, {why}",
                   commands=("alignment-monitor labels queue --n 50",))  # fmt: skip
    new, old = deployment_of(first, facts)
    back = f"roll {new} back to {old}" if old else f"roll {new} back" if new else "mend the model"
    waits = [alert for alert in found[:SHOWN] if not declared_on(alert, facts)]
    yield Step(
        f"If it is real and unwanted, {back}. If it was expected, make it the new normal.",
        commands=tuple(if_expected(alert["alert_id"]) for alert in waits),
        folded=True,
    )
    for alert in found[:SHOWN]:
        if day := declared_on(alert, facts):
            title = capital(facts.title_of(alert["behaviour"]))
            yield Step(f"{title}: declared normal; the run of {short_day(day)} ends this alert.")
