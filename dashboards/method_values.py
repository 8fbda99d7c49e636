"""The parameters that this installation measures by, as rows of name and value.

Here belong: reading settings, the rubric, signals and constants of the method into words, as pure
functions. Here does not belong: explaining the method (views/method.py, docs/method.md).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wording import count, counted, listed, percent, points, rate, short_day, spoken

from alignment_monitor.contracts.vocabulary import POSITIVE_LEVEL
from alignment_monitor.detection import engine, instrument, margin, tiers
from alignment_monitor.detection.edetector import SHIFTS
from alignment_monitor.judging.rubric import Derived, Graded, Rubric
from alignment_monitor.settings import Settings
from alignment_monitor.statistics.intervals import LEVEL
from alignment_monitor.statistics.sentinel_adjusted import SENTINEL_DAYS
from alignment_monitor.statistics.sequences import FIRST_LOOK, TIGHTEST

Row = Mapping[str, Any]
Values = list[tuple[str, str]]


def questions(rubric: Rubric) -> list[list[str]]:
    """Each watched question: its title, when it is asked, what counts, which way is worse."""
    found = []
    for name in rubric.monitored:
        question = {**rubric.graded, **rubric.derived}[name]
        worse = "less is worse" if rubric.is_good(name) else "more is worse"
        if name not in rubric.headline:
            worse += "; beside the verdict"
        asked = _asked(question, rubric)
        found.append([rubric.title_of(name), asked, _counts(question, rubric), worse])
    return found


def _asked(question: Graded | Derived, rubric: Rubric) -> str:
    if isinstance(question, Derived):
        return listed(
            f"{spoken(rubric.title_of(flag.split('.')[0]))} is {value}"
            for flag, value in question.when.items()
        )
    named = [spoken(rubric.title_of(name)) for name in question.needs]
    return " or ".join(named) if named else "always"


def _counts(question: Graded | Derived, rubric: Rubric) -> str:
    if isinstance(question, Derived):
        return question.meaning
    found = [f"{n}: {words}" for n, words in question.levels.items() if n >= POSITIVE_LEVEL]
    return "; ".join(found)


def sampling(settings: Settings) -> Values:
    """Which messages are judged."""
    asked = settings.sampling
    per_user = asked.messages_per_user_per_day
    boosts = listed(f"{name} {boost:g}" for name, boost in asked.boosts.items())
    return [
        ("Messages judged a day, on average", count(asked.messages_per_day)),
        ("Of one conversation", count(asked.messages_per_conversation)),
        ("Of one user a day, on average at most", count(per_user) if per_user else "no limit"),
        ("Of each stratum at least, on average", count(asked.minimum_per_stratum)),
        ("How often a kind of message is drawn, relative to others", boosts),
        ("Refined by past verdicts", "yes" if asked.learn_boosts else "no"),
        ("Segments are told apart by", listed(settings.intake.segment_by) or "nothing"),
        ("Calls to a judge a day, never more", count(settings.judging.calls_per_day)),
    ]


def judging(settings: Settings, rubric: Rubric) -> Values:
    """Who is asked what."""
    asked = settings.judging
    judges = listed(
        f"{judge.name} ({judge.model}, {judge.backend}{', simulated' if judge.simulated else ''})"
        for judge in asked.judges
    )
    return [
        ("Rubric", rubric.full_version),
        ("Judges", judges),
        ("Messages of context before the reply", count(asked.context_messages)),
        ("Texts with known answers a day", count(asked.sentinels_per_day)),
        ("Attempts a day to talk the judge into a verdict", count(asked.canaries_per_day)),
        ("Lowest sensitivity tolerated", percent(asked.acceptance.minimum_sensitivity)),
        ("Lowest specificity tolerated", percent(asked.acceptance.minimum_specificity)),
        ("Attempts that may succeed", percent(asked.acceptance.maximum_susceptibility)),
    ]


def fingerprints(eras: Mapping[str, Any]) -> list[list[str]]:
    """Each judge as it is now: version, rubric and sentinels, and since when."""
    return [
        [name, *map(str, era.version), short_day(era.first)]
        for name, era in eras.items()
        if era is not None
    ]


def rates(settings: Settings) -> Values:
    """How a rate and its interval come about."""
    windows = listed(counted(days, "day") for days in settings.detection.windows)
    return [
        ("Windows", windows),
        ("Counted from level", f"{POSITIVE_LEVEL} of 3"),
        ("Confidence of intervals", percent(LEVEL)),
        ("Since a deployment: first figure after", counted(FIRST_LOOK, "day")),
        ("Since a deployment: tightest after", counted(TIGHTEST, "day")),
        ("Sentinels used for an adjusted rate", f"those of {counted(SENTINEL_DAYS, 'day')}"),
    ]


def detection(settings: Settings, signals: Sequence[Row]) -> Values:
    """When a change is called one; ``signals`` are those of the last day."""
    asked = settings.detection
    found: Values = [
        ("Days from which normal is learnt", count(asked.baseline_days)),
        ("False alarms of the whole installation", _once(asked.average_run_length_years)),
        ("Series that share this", count(len({row["series"] for row in signals}))),
    ]
    thresholds = [row["threshold"] for row in signals if row["threshold"] is not None]
    if thresholds:
        page = max(thresholds)
        found += [
            ("Alarm where the statistic reaches", f"e^{page:.1f} = {count(math.exp(page))}"),
            ("Suspicion where it reaches", count(math.exp(page) * tiers.WARN_SHARE)),
        ]
    return [
        *found,
        ("Sizes of change looked for, in daily standard deviations",
         listed(f"{shift:g}" for shift in SHIFTS)),
        ("Forgiven at least and at most", f"{points(margin.LEAST)} and {points(margin.MOST)}"),
        ("Judge’s errors averaged over", counted(instrument.WINDOW_DAYS, "day")),
        ("Labels asked for of each day, on average",
         count(settings.labelling.messages_per_day) if settings.labelling.messages_per_day
         else "none but by command or on the Labelling page"),
        ("Labels asked for at a suspicion",
         f"{tiers.BURST[0]} of replies with the behaviour by the judge’s word and "
         f"{tiers.BURST[1]} without, at most {tiers.BURSTS} times"),
        ("Labels come from", _labellers(settings)),
        ("Evidence of labels needed to page", f"{math.exp(tiers.LEAN):.0f} to 1"),
        ("Without labels, pages after", counted(engine.PATIENCE_DAYS, "day")),
    ]  # fmt: skip


def _labellers(settings: Settings) -> str:
    other = settings.judging.stand_in
    return f"the judge {other.name} in place of people" if other else "people"


def _once(years: float) -> str:
    return f"one in {counted(round(years), 'year')}" if years >= 1 else f"{1 / years:.1f} a year"


def calibrated(signals: Sequence[Row], rubric: Rubric) -> list[list[str]]:
    """What was learnt of each series on the last day: normal, spread, margin, power."""

    def shown(value: float | None, words: Any) -> str:
        return "–" if value is None else str(words(value))

    return [
        [
            rubric.title_of(row["behaviour"]),
            {"up": "rise", "down": "fall"}.get(row["direction"], row["direction"]),
            shown(row["baseline_mean"], lambda value: rate(value, digits=1)),
            shown(row["baseline_sd"], points),
            shown(row["margin"], points),
            shown(row["detectable_7d"], points),
            shown(row["detectable_30d"], points),
        ]
        for row in _ordered(signals, rubric)
    ]


def _ordered(signals: Iterable[Row], rubric: Rubric) -> list[Row]:
    order = {name: place for place, name in enumerate(rubric.monitored)}
    return sorted(
        signals, key=lambda row: (order.get(row["behaviour"], len(order)), row["direction"] != "up")
    )


def alerting(settings: Settings) -> Values:
    """When people are told of an alert."""
    asked = settings.alerts
    hold, again, hours = asked.hold_days, asked.renotify_days, asked.escalate_after_hours
    return [
        ("Channels", count(len(asked.channels)) if asked.channels else "none set up"),
        ("Effective n behind a page, at least", f"{asked.minimum_effective_n:g}"),
        ("Held while another alert explains it, at most",
         counted(hold, "day") if hold else "no limit"),
        ("Told again if nobody acknowledges, after", counted(again, "day") if again else "never"),
        ("Escalated after", f"{hours:g} hours" if hours else "never"),
    ]  # fmt: skip
