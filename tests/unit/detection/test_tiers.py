import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.detection.tiers import (
    AGAINST,
    BURSTS,
    IGNORED_DAYS,
    LABELS_WARN_SHARE,
    LAST_DAYS,
    LAST_LEAN,
    LEAN,
    QUIET_DAYS,
    SEGMENT_LEAN,
    VERDICTS,
    WARN_SHARE,
    Episodes,
    Evidence,
)

PAGE = np.log(3650.0)
WARN = PAGE + np.log(WARN_SHARE)
LABELS_WARN = PAGE + np.log(LABELS_WARN_SHARE)
LOW = -9.0
MANY = settings(max_examples=60, derandomize=True)


def evidence(judged=LOW, labels=LOW, lean=0.0, against=0.0, **more):
    """A day of one series whose upper direction has this evidence, and the lower none."""
    usual = {
        "lead": -1, "held": False, "burst": False, "labelled": True,
        "covered": False, "sentinels": True, "watched": True,
    }  # fmt: skip
    lead, held, burst, labelled, covered, sentinels, watched = (usual | more).values()
    return Evidence(
        np.array([[judged, LOW]]),
        np.array([[labels, LOW]]),
        np.array([[[lean] * 3, [0.0] * 3]]),
        np.array([[against, 0.0]]),
        np.array([[lead, -1]]),
        np.array([[held]]),
        np.array([burst]),
        np.array([labelled]),
        np.array([[covered, False]]),
        np.array([[sentinels]]),
        np.array([watched]),
    )


def told(days):
    """What is said on each day of the upper direction, the first letters of it."""
    episodes, said = Episodes(1, 3), []
    for day in days:
        verdict = episodes.step(day, np.array([PAGE]))
        words = [name for name in ("opened", *VERDICTS) if getattr(verdict, name)[0, 0]]
        said.append("+".join(words) or ("open" if verdict.standing[0, 0] else ""))
        assert not any(getattr(verdict, name)[0, 1] for name in ("opened", "standing", *VERDICTS))
    return said


def day(**values):
    return evidence(**values)


ABOVE, BURST = WARN + 0.1, {"burst": True}
WAITS = [day(judged=ABOVE)] * LAST_DAYS
STORIES = {
    "quiet": ([day(judged=WARN - 0.01)] * 3, ["", "", ""]),
    "a warning, then labels agree": (
        [day(judged=ABOVE), day(judged=ABOVE + 2, lean=LEAN / 2, **BURST),
         day(judged=WARN, lean=LEAN / 2 + 0.01, **BURST)],
        ["opened", "open", "page"],
    ),
    "labels that lean less are waited for": (
        [day(judged=ABOVE), *[day(judged=ABOVE, lean=0.8, **BURST)] * 3],
        ["opened", "open", "open", "open"],
    ),
    "nor are judged rates without labels that lean": (
        [day(judged=PAGE + 2), day(judged=PAGE + 2, lean=LEAN - 0.01, **BURST)],
        ["opened", "open"],
    ),
    "judged rates that fell away are no part of a page": (
        [day(judged=ABOVE), day(judged=WARN - 0.01, lean=PAGE), day(judged=WARN)],
        ["opened", "open", "page"],
    ),
    "nobody labels: the threshold is for the judge alone": (
        [day(judged=PAGE - 0.01, labelled=False), day(judged=PAGE, labelled=False)],
        ["opened", "page"],
    ),
    "nobody labels and all at once": ([day(judged=PAGE, labelled=False)], ["opened+page"]),
    "what may be the judge's waits for sentinels, then nobody knows": (
        [day(judged=PAGE, labelled=False, covered=True)] * 5,
        ["opened", "open", "open", "indeterminate", ""],
    ),
    "until they tell that it is not": (
        [day(judged=PAGE, labelled=False, covered=True), day(judged=PAGE, labelled=False)],
        ["opened", "page"],
    ),
    "there is nothing to wait for without sentinels": (
        [day(judged=PAGE, labelled=False, covered=True, sentinels=False)],
        ["opened+indeterminate"],
    ),
    "labels do not ask what sentinels allow": (
        [day(judged=PAGE, covered=True), day(judged=PAGE, lean=LEAN + 0.01, covered=True)],
        ["opened", "page"],
    ),
    "the labels' own detector warns and pages": (
        [day(labels=LABELS_WARN - 0.01), day(labels=LABELS_WARN), day(labels=PAGE)],
        ["", "opened", "page"],
    ),
    "labels speak against it": (
        [day(judged=ABOVE), day(judged=ABOVE, against=AGAINST - 1, **BURST),
         day(judged=ABOVE, against=1.0, **BURST)],
        ["opened", "open", "ticket"],
    ),
    "labels of the first day say nothing against it": (
        [day(judged=ABOVE, against=AGAINST + 5), day(judged=ABOVE)], ["opened", "open"],
    ),
    "a burst that nobody labels holds back nothing for long": (
        [day(judged=PAGE)] * (IGNORED_DAYS + 2), ["opened", *["open"] * IGNORED_DAYS, "page"],
    ),
    "unless what labels there are speak against it": (
        [day(judged=PAGE), day(judged=PAGE, lean=-0.01), *[day(judged=PAGE)] * (IGNORED_DAYS + 2)],
        ["opened", *["open"] * (IGNORED_DAYS + 3)],
    ),
    "one that is labelled does": (
        [day(judged=PAGE), *[day(judged=PAGE, **BURST)] * (BURSTS - 1)],
        ["opened", *["open"] * (BURSTS - 1)],
    ),
    "a page goes before a ticket": (
        [day(judged=ABOVE), day(judged=PAGE, lean=LEAN + 0.01, against=AGAINST)],
        ["opened", "page"],
    ),
    "so many bursts decide nothing, nor do two weeks": (
        [day(judged=ABOVE), *[day(judged=ABOVE, **BURST)] * BURSTS, *WAITS, day(judged=ABOVE)],
        ["opened", *["open"] * (BURSTS + LAST_DAYS - 1), "unresolved", ""],
    ),
    "nor does a day without data decide: the next one with data does": (
        [day(judged=ABOVE), *[day(judged=ABOVE, **BURST)] * BURSTS, *WAITS[1:],
         *[day(judged=ABOVE, watched=False)] * 2, day(judged=ABOVE)],
        ["opened", *["open"] * (BURSTS + LAST_DAYS + 1), "unresolved"],
    ),
    "regular labels may decide after the last burst": (
        [day(judged=ABOVE), *[day(judged=ABOVE, **BURST)] * BURSTS,
         day(judged=ABOVE, lean=LAST_LEAN + 0.01)],
        ["opened", *["open"] * BURSTS, "page"],
    ),
    "days without a burst are not counted": (
        [day(judged=ABOVE)] + [day(judged=ABOVE)] * 12, ["opened"] + ["open"] * 12,
    ),
    "the last burst needs to lean less": (
        [day(judged=PAGE), day(judged=PAGE, lean=LAST_LEAN + 0.01, **BURST),
         *[day(judged=PAGE, **BURST)] * (BURSTS - 2), day(judged=PAGE, **BURST)],
        ["opened", *["open"] * (BURSTS - 1), "page"],
    ),
    "but not nothing": (
        [day(judged=PAGE), day(judged=PAGE, lean=LAST_LEAN - 0.01, **BURST),
         *[day(judged=PAGE, **BURST)] * (BURSTS - 1), *WAITS],
        ["opened", *["open"] * (BURSTS + LAST_DAYS - 1), "unresolved"],
    ),
    "and judged rates have to stand there": (
        [day(judged=ABOVE), *[day(judged=ABOVE, **BURST)] * (BURSTS - 1),
         day(judged=WARN - 0.01, lean=LAST_LEAN + 0.01, **BURST)],
        ["opened", *["open"] * BURSTS],
    ),
    "one segment among many needs to lean more": (
        [day(judged=PAGE, lead=2), day(judged=PAGE, lean=LEAN + 0.5, lead=2),
         day(judged=PAGE, lean=SEGMENT_LEAN - LEAN - 0.49, lead=2)],
        ["opened", "open", "page"],
    ),
    "what leads later does not matter": (
        [day(judged=PAGE, lead=2), day(judged=PAGE, lean=LEAN + 0.5, lead=-1)], ["opened", "open"],
    ),
    "it ends by itself": (
        [day(judged=ABOVE), day(judged=WARN - 0.99), day(judged=WARN - 1.01), day(judged=ABOVE)],
        ["opened", "open", "closed", "opened"],
    ),
    "but not while the labels' own detector is up": (
        [day(judged=ABOVE, labels=LABELS_WARN), day(labels=LABELS_WARN), day()],
        ["opened", "open", "closed"],
    ),
    "a suspect judge holds the page": (
        [day(judged=PAGE, held=True, labelled=False)] * 2 + [day(judged=PAGE, labelled=False)],
        ["opened", "open", "page"],
    ),
    "and the end of an episode": (
        [day(judged=ABOVE), *[day(judged=ABOVE, held=True, **BURST)] * (BURSTS + LAST_DAYS),
         day(judged=ABOVE)],
        ["opened", *["open"] * (BURSTS + LAST_DAYS), "unresolved"],
    ),
    "but not a ticket": (
        [day(judged=ABOVE), day(judged=ABOVE, against=AGAINST, held=True)], ["opened", "ticket"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_from_evidence_to_a_verdict(name):
    days, expected = STORIES[name]
    assert told(days) == expected


ENDS = {
    "page": day(judged=PAGE, lean=LEAN + 0.01),
    "ticket": day(judged=ABOVE, against=AGAINST),
    "unresolved": day(judged=ABOVE, burst=True),
    "closed": day(),
    "indeterminate": day(judged=PAGE, labelled=False, covered=True, sentinels=False),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_after_a_verdict_there_is_quiet_for_its_days(name):
    wait = BURSTS + LAST_DAYS if name == "unresolved" else 1
    before = [day(judged=ABOVE)] + [ENDS[name]] * wait
    said = told([*before, *[day(judged=ABOVE)] * (QUIET_DAYS[name] + 1)])[len(before) - 1 :]
    quiet = [""] * (QUIET_DAYS[name] - 1)
    assert said[: QUIET_DAYS[name] + 1] == [name, *quiet, "opened"]


def test_no_burst_is_asked_for_after_the_last():
    episodes = Episodes(1, 3)
    steps = [day(judged=ABOVE), *[day(judged=ABOVE, burst=True)] * (BURSTS + 2)]
    asked = [episodes.step(made, np.array([PAGE])).asking[0, 0] for made in steps]
    assert asked == [True] * BURSTS + [False] * 3


@pytest.mark.parametrize(("values", "segment"), [({"judged": PAGE}, 2), ({"labels": PAGE - 1}, -1)])
def test_what_labels_alone_have_seen_is_not_looked_for_in_one_segment(values, segment):
    episodes = Episodes(1, 3)
    told = episodes.step(day(lead=2, **values), np.array([PAGE]))
    assert (told.opened[0, 0], told.segment[0, 0]) == (True, segment)


def test_a_new_episode_knows_nothing_of_the_last():
    episodes = Episodes(1, 3)
    steps = [day(judged=ABOVE), day(judged=ABOVE, lean=1.0, against=1.0, burst=True), day()]
    for made in steps:
        last = episodes.step(made, np.array([PAGE]))
    assert last.bursts[0, 0] == 1
    assert (last.leaning[0, 0], last.against[0, 0]) == pytest.approx((1, 1))
    fresh = episodes.step(day(judged=ABOVE, lean=0.3, against=0.4), np.array([PAGE]))
    assert fresh.opened[0, 0]
    assert fresh.bursts[0, 0] == 0
    assert fresh.leaning[0, 0] == pytest.approx(0.3)
    assert fresh.against[0, 0] == 0


def random_evidence(rng, series):
    shape = (series, 2)
    return Evidence(
        rng.normal(WARN, 3, shape),
        rng.normal(WARN - 3, 3, shape),
        rng.normal(0.3, 1, (*shape, 3)),
        rng.normal(0.1, 1, shape),
        rng.integers(-1, 3, shape),
        rng.random((series, 1)) < 0.2,
        rng.random(series) < 0.7,
        rng.random(series) < 0.7,
        rng.random(shape) < 0.5,
        rng.random((series, 1)) < 0.7,
        rng.random(series) < 0.9,
    )


@MANY
@given(st.integers(0, 2**32 - 1))
def test_there_is_one_verdict_at_most_and_only_of_an_open_episode(seed):
    rng, series = np.random.default_rng(seed), 6
    episodes, standing = Episodes(series, 3), np.zeros((series, 2), bool)
    quiet = np.zeros((series, 2), int)
    for today in range(80):
        verdict = episodes.step(random_evidence(rng, series), np.full(series, PAGE))
        ended = sum(getattr(verdict, name).astype(int) for name in VERDICTS)
        assert (ended <= 1).all()
        assert not (verdict.opened & standing).any()
        assert (verdict.opened <= (today >= quiet)).all()
        begun = standing | verdict.opened
        assert np.array_equal(begun, verdict.standing ^ (ended > 0))
        assert np.array_equal(verdict.standing, episodes.open)
        for name in VERDICTS:
            quiet = np.where(getattr(verdict, name), today + QUIET_DAYS[name], quiet)
        standing = verdict.standing


@MANY
@given(st.integers(0, 2**32 - 1), st.permutations(range(5)))
def test_the_order_of_series_does_not_matter(seed, order):
    rng = np.random.default_rng(seed)
    first, second = Episodes(5, 3), Episodes(5, 3)
    thresholds = np.linspace(PAGE, PAGE + 1, 5)
    for _ in range(30):
        made = random_evidence(rng, 5)
        moved = Evidence(*(column[order] for column in vars(made).values()))
        one = first.step(made, thresholds)
        other = second.step(moved, thresholds[order])
        for name in vars(one):
            assert np.array_equal(getattr(one, name)[order], getattr(other, name))
