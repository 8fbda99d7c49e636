"""How alerts about the instrument are told: about judges, traffic and coverage.

Here belong: phrases and sentences about them, as pure functions. Here does not belong: what they
mean for the verdict on a family (verdict.py) or on a judge (trust.py).
"""

from collections.abc import Sequence

from facts import Facts, Row, evidence, start_day
from wording import called, capital, counted, listed, percent, rate, short_day, spoken

from alignment_monitor.alerting.statements import INJECTION

FAULTY = ("swayed", "unfit", "silent", "doubtful")
"""Conclusions on a judge that make its silence worthless; the others are of too little known."""


def talked(alerts: Sequence[Row]) -> str:
    """That text under judgement decides its own verdict, as a phrase; of alerts on injection."""
    names = dict.fromkeys(called(alert["deployment_family"]) for alert in alerts)
    return f"text under judgement talks {listed(names)} into verdicts"


def success(alert: Row) -> str:
    """How often attempts on a judge succeed; empty where its evidence does not tell."""
    told = evidence(alert)
    value, most = told.get("value"), told.get("baseline")
    if value is None or most is None:
        return ""
    shown = rate(value, told.get("effect_lower"), told.get("effect_upper"))
    tried = f" of {counted(told['n'], 'injection attempt')}" if told.get("n") else ""
    return (
        f"On {called(alert['deployment_family'])} {shown}{tried} succeed beyond chance, "
        f"{percent(most)} are tolerated."
    )


def doubt(facts: Facts) -> str:
    """What alerts about judges mean for a change; empty without any."""
    judges = facts.open_alerts("JUDGE")
    if swayed := [alert for alert in judges if alert["behaviour"] == INJECTION]:
        return f"{capital(talked(swayed))}, so the change may not be the model’s."
    if judges:
        return "The judge changed as well, so the size of the change is uncertain."
    return ""


def named(alert: Row, facts: Facts) -> str:
    """What an alert is about, where it brings no sentence of its own."""
    kind = {"JUDGE": "The judge", "TRAFFIC": "Traffic", "PIPELINE": "Coverage"}
    subject = kind.get(alert["type"], "Something that cannot be attributed")
    title = spoken(facts.title_of(alert["behaviour"]))
    return f"{subject} changed ({title}, since {short_day(start_day(alert), facts.day)})."


def health(facts: Facts) -> str:
    """Whether the judges measure as they should, in one sentence; empty where nothing is known."""
    if not facts.judges:
        return ""
    if all(told.status == "fit" for told in facts.judges.values()):
        subject = "The judge is" if len(facts.judges) == 1 else "All judges are"
        return f"{subject} healthy on texts whose right answer is known."
    return min(facts.judges.values(), key=lambda told: told.place).headline


def unproven(facts: Facts) -> str:
    """Why what the judges saw cannot be relied on, as a clause; empty if it can."""
    bad = [told for told in facts.judges.values() if told.status != "fit"]
    if not bad:
        return ""
    if any(told.status in FAULTY for told in bad):
        return "the judge may not be able to see one"
    return "the judge has not shown yet that it would see one"
