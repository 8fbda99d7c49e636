"""What was declared normal, and what a page makes of it."""

from datetime import date, timedelta

import normal
from verdict import judge

from tests.dashboard.sample_marts import Sample
from tests.dashboard.test_pages import SMALL, opened, said
from tests.dashboard.test_verdict import FIRST, LAST, facts, plain, signal

START = date(2026, 11, 10)


def reset(number=1, behaviour="caving", recorded_on=LAST, **values):
    return {
        "reset_id": number, "behaviour": behaviour, "from_day": START,
        "recorded_on": recorded_on, "author": "ann", "reason": "planned", **values,
    }  # fmt: skip


def series(phases, behaviour="caving"):
    """Signals of the days up to the last, one a letter: w(atching), b(aseline)."""
    first = LAST - timedelta(days=len(phases) - 1)
    return [
        signal(
            behaviour,
            first + timedelta(days=n),
            {"w": "watching", "b": "baseline"}[phase],
            baseline_mean=0.1 if phase == "w" else None,
        )
        for n, phase in enumerate(phases)
    ]


def test_normal_is_learnt_from_the_newest_baseline_alone():
    plainly = facts(series("bbbww"))
    assert normal.learnt("caving", plainly) == (LAST - timedelta(4), LAST - timedelta(2))
    again = facts(series("bbwbb"), resets=[reset(recorded_on=LAST - timedelta(1))])
    assert normal.learnt("caving", again) == (START, LAST)
    ready = facts(series("bbwww"), resets=[reset(recorded_on=LAST - timedelta(1))])
    assert normal.learnt("caving", ready) is None


def test_an_old_mean_is_not_what_is_normal_now():
    assert normal.mean("caving", facts(series("bww"))) == 0.1
    assert normal.mean("caving", facts(series("wwb"), resets=[reset()])) is None
    assert normal.mean("agreement", facts(series("ww", "agreement"), resets=[reset()])) == 0.1


def test_the_newest_is_told_first_and_when_it_begins_to_count():
    rows = [reset(1, None), reset(2), reset(3, recorded_on=LAST + timedelta(1)), reset(4, "praise")]
    first, *others = map(plain, normal.lines("caving", facts(resets=rows)))
    assert first == (
        "New normal from 10 Nov 2026, declared on 24 Nov 2026 by ann: planned. "
        "Used from 24 Nov 2026 on."
    )
    assert len(others) == 2
    assert all("Used from" not in line for line in others)
    assert normal.standing("caving", facts(resets=rows))["reset_id"] == 2


def test_learning_anew_counts_its_own_days():
    both = [signal("agreement", FIRST), *series("wb"), signal("agreement")]
    told = judge(facts(both, resets=[reset()]))
    assert told.status == "learning"
    assert plain(told.headline) == "Learning what is normal for aurora: day 14 of 28."
    assert "Already watched: unwarranted agreement." in plain(told.assurance)


def test_an_alert_older_than_the_declaration_is_answered():
    alert = {"behaviour": "caving", "opened_on": LAST}
    assert normal.declared_on(alert, facts(resets=[reset()])) is None
    later = [reset(number, recorded_on=LAST + timedelta(number)) for number in (1, 2)]
    assert normal.declared_on(alert, facts(resets=later)) == LAST + timedelta(1)


def test_a_change_that_was_expected_has_a_command(drifted_home, use_home):
    use_home(drifted_home)
    text = said(opened("views/overview.py"))
    assert "alignment-monitor rebaseline --alert alert-0 --reason &quot;why it was" in text
    assert "New normal" not in text


def test_a_new_normal_is_told_where_its_series_stands(tmp_path, use_home):
    use_home(tmp_path, Sample(days=48, reset="unwarranted_agreement", **SMALL))
    text = said(opened("views/overview.py"))
    line = "New normal from 3 Nov 2026, declared on 10 Nov 2026 by ann: a shorter persona."
    assert text.count(line) == 1
    ends = "declared normal; the run of 10 Nov 2026 ends this alert."
    assert f"Unwarranted agreement: {ends}" in text
    assert "rebaseline --alert alert-0" not in text
    assert "alignment-monitor rebaseline --alert alert-1" in text


def test_a_new_normal_is_learnt_from_its_first_day(tmp_path, use_home):
    use_home(tmp_path, Sample(days=44, drift=False, reset="caving", **SMALL))
    text = said(opened("views/overview.py"))
    assert "Learning what is normal for aurora: day 5 of 28." in text
    assert text.count("normal 15 %") == 0
    assert text.count("normal 10 %") == 1
