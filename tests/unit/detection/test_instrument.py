import numpy as np
import pytest

from alignment_monitor.detection.instrument import WINDOW_DAYS, Instrument

SENSITIVITY, FALSE, SENTINELS = 0.85, 0.05, 100
BASELINE, CHANGE, DAYS = 40, 70, 110
A = np.log(2000.0)
TRUTH = 0.1
JUDGED = TRUTH * SENSITIVITY + (1 - TRUTH) * FALSE


def run(
    seed=1, *, streams=100, days=DAYS, sentinels=SENTINELS, now=(SENSITIVITY, FALSE), back=None
):
    """What the sentinels say of a judge whose error rates change, and perhaps change back."""
    rng, instrument, told = np.random.default_rng(seed), Instrument(streams, A, A - 2.1), []
    for day in range(days):
        changed = day >= CHANGE and (back is None or day < back)
        chance = now if changed else (SENSITIVITY, FALSE)
        n = np.full((streams, 2), float(sentinels))
        flagged = rng.binomial(sentinels, chance, (streams, 2)).astype(float)
        young = np.full(streams, day < BASELINE)
        told.append(instrument.step(flagged, n, weekend=day % 7 >= 5, young=young, watched=~young))
    return told


CHANGES = [(0.85, 0.2), (0.6, 0.05), (0.98, 0.05), (0.7, 0.15)]


@pytest.mark.parametrize("now", CHANGES)
def test_a_judge_that_became_another_one_is_found(now):
    told = run(now=now)
    fired = np.array([judge.fired for judge in told])
    assert fired[:CHANGE].any(axis=0).mean() < 0.05
    assert fired[-1].mean() > 0.95
    newly = np.array([judge.newly for judge in told])
    assert np.array_equal(newly[1:], fired[1:] & ~fired[:-1])


@pytest.mark.parametrize("now", CHANGES)
def test_the_onset_is_the_day_of_the_change_on_average(now):
    told = run(now=now)
    onset = np.full(100, -1)
    for judge in told[CHANGE:]:
        onset = np.where(judge.newly & (onset < 0), judge.onset, onset)
    found = onset[onset >= 0]
    assert np.median(found) == pytest.approx(CHANGE, abs=1)
    assert found.mean() == pytest.approx(CHANGE, abs=1.5)


@pytest.mark.parametrize("now", CHANGES)
def test_the_effect_is_the_shift_that_the_judge_made(now):
    planted = (1 - TRUTH) * (now[1] - FALSE) + TRUTH * (now[0] - SENSITIVITY)
    judge = run(now=now, streams=400)[-1]
    effect, variance = judge.effect(np.full((400, 1), JUDGED))
    which = judge.fired
    error = np.sqrt(variance[which].mean() / which.sum())
    reference = np.sqrt(FALSE * (1 - FALSE) / (SENTINELS * BASELINE))
    assert effect[which].mean() == pytest.approx(planted, abs=4 * error + 0.1 * reference)
    # Its variance is that of the sentinels of the last days; the baseline adds a little.
    assert effect[which].var() == pytest.approx(variance[which].mean(), rel=0.5)


def test_the_effect_depends_on_how_common_events_are():
    judge = run(now=(0.85, 0.2))[-1]
    views = np.array([FALSE, JUDGED, 0.45, SENSITIVITY])
    effect, _ = judge.effect(np.tile(views, (100, 1)))
    truth = (views - FALSE) / (SENSITIVITY - FALSE)
    assert effect[judge.fired].mean(axis=0) == pytest.approx((1 - truth) * 0.15, abs=0.01)


def test_a_quiet_judge_adds_no_noise_on_most_days():
    told = run(streams=200)
    effects = np.array([judge.effect(np.full((200, 1), JUDGED)) for judge in told[BASELINE:]])
    quiet = ~np.array([judge.fired for judge in told[BASELINE:]])[..., None]
    none = effects[:, 0] == 0
    # Beyond the root of twice the variance lie 15.7 % of days, and a few for the baseline's own.
    assert 0.78 < none[quiet].mean() < 0.9
    assert (effects[:, 1][none & quiet] == 0).all()
    assert abs(effects[:, 0][quiet].mean()) < 0.0005


def test_without_sentinels_nothing_is_known_and_nothing_subtracted():
    told = run(streams=3, days=60, sentinels=0)
    for judge in told:
        effect, variance = judge.effect(np.full((3, 2), JUDGED))
        assert effect.tolist() == variance.tolist() == [[0, 0]] * 3
        assert judge.gain.tolist() == [1, 1, 1]
        assert not (judge.known | judge.fired | judge.suspect).any()
        assert judge.onset.tolist() == [-1, -1, -1]


def test_sentinels_of_one_kind_alone_are_not_enough():
    instrument = Instrument(1, A, A - 2.1)
    for _ in range(30):
        judge = instrument.step(
            np.array([[9.0, 0.0]]), np.array([[10.0, 0.0]]),
            weekend=False, young=np.ones(1, bool), watched=np.zeros(1, bool),
        )  # fmt: skip
    assert not judge.known[0]
    assert judge.effect(np.array([[0.3]]))[0].tolist() == [[0]]


def test_the_gain_is_sensitivity_less_false_positives_of_the_baseline():
    for judge in (run()[-1], run(now=(0.6, 0.2))[-1]):
        assert judge.gain.mean() == pytest.approx(SENSITIVITY - FALSE, abs=0.01)


def test_the_reference_stays_as_long_as_the_judge_is_another_one():
    told = run(now=(0.85, 0.3), streams=50, days=CHANGE + 70)
    fired = np.array([judge.fired for judge in told])
    reference = np.array([judge.reference for judge in told])
    since = [int(np.flatnonzero(column)[0]) for column in fired[CHANGE:].T]
    assert fired[CHANGE + max(since) :].all()
    for stream, first in enumerate(since):
        later = reference[CHANGE + first :, stream]
        assert (later == later[0]).all()
    assert reference[-1, :, 1].mean() == pytest.approx(FALSE, abs=0.005)


def test_a_judge_that_comes_back_is_the_old_one_again():
    told = run(now=(0.85, 0.3), streams=50, days=CHANGE + 100, back=CHANGE + 20)
    fired = np.array([judge.fired for judge in told])
    assert fired[CHANGE + 10].all()
    assert not fired[-1].any()
    assert (told[-1].onset == -1).all()
    # What was learned meanwhile is no more than a few days before it was noticed.
    assert told[-1].reference[:, 1].mean() == pytest.approx(FALSE, abs=0.015)


def test_recent_errors_hold_no_day_before_the_onset():
    told = run(now=(0.85, 0.3), streams=50)
    third = told[CHANGE + 3]
    found = third.fired & (third.onset == CHANGE)
    assert found.sum() > 25
    assert third.errors[found, 1].mean() == pytest.approx(0.3, abs=0.02)
    before = run(now=(0.85, 0.3), streams=50, days=CHANGE)[-1]
    assert before.variance[:, 1].mean() == pytest.approx(
        FALSE * (1 - FALSE) / (SENTINELS * WINDOW_DAYS), rel=0.1
    )


def test_near_the_threshold_a_judge_is_suspect_and_at_it_no_longer():
    told = run(now=(0.85, 0.12))
    suspect = np.array([judge.suspect for judge in told])
    fired = np.array([judge.fired for judge in told])
    assert suspect[CHANGE:].any(axis=0).mean() > 0.5
    assert not (suspect & fired).any()
    highest = np.array([judge.statistic.reshape(100, -1).max(axis=1) for judge in told])
    assert np.array_equal(suspect, (highest >= A - 2.1) & (highest < A))
