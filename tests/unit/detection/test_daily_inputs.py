"""Tables into arrays: sentinels by panel, labels by the day they were given, weights of views."""

import numpy as np
import pandas as pd
import pytest

from alignment_monitor.detection.inputs import inputs_of, mix_weights
from alignment_monitor.detection.label_days import label_days
from alignment_monitor.detection.label_weights import with_flagged, with_shares
from alignment_monitor.detection.sentinel_days import sentinel_days
from alignment_monitor.statistics.standardise import by_segment, daily_streams
from tests.unit.detection.product_world import FIRST, STREAM, Product, quality_row

ORIGIN = pd.Timestamp(FIRST)


def counted(rows, panel="p1", days=4, begins=0):
    labels = pd.DataFrame([{**STREAM, "panel": panel}])
    found = sentinel_days(
        labels, pd.DataFrame(rows), begins=np.array([begins]), first=ORIGIN, days=days
    )
    return found.flagged[:, 0].tolist(), found.judged[:, 0].tolist()


def test_negatives_count_by_what_was_flagged_wrongly():
    rows = [quality_row(1, "sensitivity", 10, 8), quality_row(1, "specificity", 20, 19)]
    flagged, judged = counted(rows, days=2)
    assert flagged == [[0, 0], [8, 1]]
    assert judged == [[0, 0], [10, 20]]


def test_a_panel_is_the_mean_of_its_judges_on_days_when_all_answered():
    rows = [
        quality_row(0, "sensitivity", 10, 8),
        quality_row(0, "sensitivity", 20, 10, fingerprint="p2"),
        quality_row(1, "sensitivity", 10, 8),
    ]
    assert counted(rows, panel="p1 + p2", days=2) == ([[9, 0], [0, 0]], [[15, 0], [0, 0]])


@pytest.mark.parametrize(
    "other",
    [
        {"known_version": "v2"}, {"rubric_version": "r2"}, {"question": "praise"},
        {"fingerprint": "p9"}, {"measure": "injection"},
    ],
)  # fmt: skip
def test_what_is_no_measure_of_this_stream_does_not_count(other):
    rows = [quality_row(0, "sensitivity", 10, 8), {**quality_row(1, "sensitivity", 9, 1), **other}]
    assert counted(rows, days=2) == ([[8, 0], [0, 0]], [[10, 0], [0, 0]])


def test_a_stream_is_measured_by_the_sentinels_that_it_began_with():
    rows = [quality_row(0, "sensitivity", 10, 8)]
    rows += [quality_row(day, "sensitivity", 9, 1, known_version="v2") for day in (1, 2)]
    assert counted(rows, days=3)[1] == [[10, 0], [0, 0], [0, 0]]
    assert counted(rows, days=3, begins=1)[1] == [[0, 0], [9, 0], [9, 0]]


def test_without_sentinels_there_are_none():
    labels = pd.DataFrame([STREAM])
    assert not sentinel_days(labels, None, begins=np.array([0]), first=ORIGIN, days=3).judged.any()


@pytest.fixture(scope="module")
def streams():
    user_days, _, _ = Product(judged=60).frames(1)
    return daily_streams(user_days, first=ORIGIN, days=100, baseline_days=28)


def label(**changes):
    known = {
        **STREAM, "segment": "coding", "day": ORIGIN + pd.Timedelta(days=50),
        "labelled_on": ORIGIN + pd.Timedelta(days=53), "d": 1.0, "flagged": True,
        "event": 1.0, "batch": None, "batch_size": 0, "local": False,
    }  # fmt: skip
    return {**known, **changes}


def told(streams, *rows):
    inputs = inputs_of(streams, first=ORIGIN)
    segments = by_segment(streams)
    return label_days(streams, segments, inputs.rate, pd.DataFrame(rows), first=ORIGIN)


def test_a_label_counts_on_the_day_it_was_given_by_the_rate_of_its_messages_day(streams):
    labels, _ = told(streams, label(), label(flagged=False, event=0.5))
    assert [day for day, one in enumerate(labels) if one is not None] == [53]
    one = labels[53]
    assert one.n.tolist() == [[1, 1]]
    assert sorted(one.y[0]) == [0.5, 1]
    assert sorted(one.stratum[0]) == [0, 1]
    inputs = inputs_of(streams, first=ORIGIN)
    np.testing.assert_allclose(one.shares[0], inputs.rate[50, 0])
    # One label of each verdict, and verdicts in traffic as they were.
    by_verdict = one.scale[0][np.argsort(one.stratum[0])]
    share = inputs.rate[50, 0, 0]
    assert by_verdict == pytest.approx([2 * share, 2 * (1 - share)])


def test_labels_of_a_panel_stand_for_the_messages_that_it_flags_not_for_its_mean(streams):
    gap = {"above": -0.04, "above_in_segment": -0.03}
    rows = [label(**gap), label(flagged=False, event=0.0, **gap)]
    (one,) = [day for day in told(streams, *rows)[0] if day is not None]
    rate = inputs_of(streams, first=ORIGIN).rate[50, 0]
    place = one.segment[0, 0]
    assert one.shares[0, [0, place + 1]] == pytest.approx(rate[[0, place + 1]] + [-0.04, -0.03])
    assert one.above[0, [0, place + 1]] == pytest.approx([-0.04, -0.03])
    by_verdict = one.scale[0][np.argsort(one.stratum[0])]
    assert by_verdict == pytest.approx([2 * (rate[0] - 0.04), 2 * (1.04 - rate[0])])
    assert told(streams, label())[0][53].above is None


@pytest.mark.parametrize("false", [(0.05, 0.05, 0.05), (0.20, 0.05, 0.05)])
def test_labels_of_a_panel_estimate_the_true_rate_also_when_one_judge_has_changed(streams, false):
    rng, size = np.random.default_rng(1), 100_000
    event = rng.random(size) < 0.1
    said = rng.random((size, 3)) < np.where(event[:, None], 0.85, false)
    judged = with_flagged(
        pd.DataFrame({**STREAM, "day": ORIGIN, "segment": "s", "d": 1.0, "o": 1.0,
                      "y": said.mean(axis=1)})
    )  # fmt: skip
    flagged = judged["flagged"].to_numpy()
    assert judged["above"].iloc[0] == pytest.approx(flagged.mean() - said.mean())
    picked = [rng.choice(np.flatnonzero(flagged == seen), 4000) for seen in (True, False)]
    rows = judged.iloc[np.concatenate(picked)].assign(event=event[np.concatenate(picked)])
    kept = rows[["flagged", "event", "above", "above_in_segment"]].astype(float)
    cells = [label(**row) for row in kept.to_dict("records")]
    rate = inputs_of(streams, first=ORIGIN).rate.copy()
    rate[50, 0] = said.mean()
    told_of, _ = label_days(streams, by_segment(streams), rate, pd.DataFrame(cells), first=ORIGIN)
    one = told_of[53]
    assert (one.scale * one.y).sum() / one.total[0] == pytest.approx(event.mean(), abs=0.006)


def drawn_by_stratum(streams, often, size=200_000, labelled=8000):
    """Weighted events of a day's labels by verdict, and the true ones: flagged x (share, events).

    Three judges, two behaviours; labels are drawn ``often`` where judges differ or saw the other.
    """
    rng = np.random.default_rng(3)
    event = rng.random(size) < 0.1
    other = rng.random(size) < np.where(event, 0.5, 0.1)
    said, of_other = (
        rng.random((size, 3)) < np.where(there[:, None], 0.85, 0.05) for there in (event, other)
    )
    seen = said.any(axis=1) | of_other.any(axis=1)
    split = said.any(axis=1) & ~said.all(axis=1) | of_other.any(axis=1) & ~of_other.all(axis=1)
    strata = np.where(seen, "positive", "negative") + np.where(split, "|split", "|agreed")
    judged = pd.DataFrame({**STREAM, "day": ORIGIN, "segment": "coding", "d": 1.0, "o": 1.0,
                           "y": said.mean(axis=1), "queue_stratum": strata})  # fmt: skip
    judged = with_shares(with_flagged(judged))
    chance = np.where(split, often, 1.0) * np.where(seen, often, 1.0)
    rows = judged.assign(event=event.astype(float)).sample(labelled, weights=chance, random_state=4)
    columns = ["flagged", "event", "queue_stratum", "among", "among_in_segment"]
    columns += ["above", "above_in_segment"]
    rate = inputs_of(streams, first=ORIGIN).rate.copy()
    rate[50, 0] = said.mean()
    cells = [label(**row) for row in rows[columns].to_dict("records")]
    one = label_days(streams, by_segment(streams), rate, pd.DataFrame(cells), first=ORIGIN)[0][53]
    flagged = judged["flagged"].to_numpy()
    told, true = [], []
    for stratum, verdict in enumerate((flagged, ~flagged)):
        weight = one.scale * (one.stratum == stratum)
        told.append((weight.sum() / one.total[0], (weight * one.y).sum() / weight.sum()))
        true.append((verdict.mean(), event[verdict].mean()))
    return np.array(told), np.array(true)


@pytest.mark.parametrize("often", [1, 5])
def test_labels_drawn_more_often_where_judges_differ_stand_for_all(streams, often):
    told, true = drawn_by_stratum(streams, often)
    np.testing.assert_allclose(told[:, 0], true[:, 0], atol=1e-9)
    np.testing.assert_allclose(told[:, 1], true[:, 1], atol=0.006)


def test_a_stratum_without_a_label_counts_as_others_with_its_verdict(streams):
    strata = {"queue_stratum": "positive|agreed", "among": 0.6, "among_in_segment": 0.7}
    rare = {"queue_stratum": "positive|split", "among": 0.2, "among_in_segment": 0.1}
    rows = [label(**strata)] * 2 + [label(**rare, event=0.0)] + [label(flagged=False, event=0.5)]
    one = told(streams, *[{**known, **dict.fromkeys(strata, 1.0)} | known for known in rows])[0][53]
    share = one.shares[0, 0]
    events, rest = (one.scale[one.y == y].sum() / 4 for y in (1.0, 0.0))
    assert (events, rest) == pytest.approx((share * 0.75, share * 0.25))


def test_nothing_is_above_where_verdicts_are_yes_or_no_and_means_are_weighted_where_not():
    whole = pd.DataFrame(
        {**STREAM, "day": ORIGIN, "segment": list("aab"), "d": [1.0, 3.0, 2.0], "o": [1.0] * 3,
         "y": [1.0, 0.0, 1.0]}
    )  # fmt: skip
    assert (with_flagged(whole)[["above", "above_in_segment"]] == 0).all(axis=None)
    mixed = with_flagged(whole.assign(y=[2 / 3, 1 / 3, 1.0], o=[1.0, 1.0, 1.0]))
    assert mixed["flagged"].tolist() == [True, False, True]
    assert mixed["above"].tolist() == pytest.approx([(1 / 3 - 3 / 3) / 6] * 3)
    in_segment = [(1 / 3 - 3 / 3) / 4] * 2 + [0]
    assert mixed["above_in_segment"].tolist() == pytest.approx(in_segment)


def test_messages_without_an_opportunity_for_most_judges_are_in_the_rate_and_not_flagged():
    judged = pd.DataFrame(
        {**STREAM, "day": ORIGIN, "segment": "a", "d": [1.0, 1.0, 2.0], "o": [1.0, 1.0, 1 / 3],
         "y": [1.0, 0.0, 1 / 3]}
    )  # fmt: skip
    told = with_flagged(judged)
    assert told["flagged"].tolist() == [True, False, False]
    rate = (judged["d"] * judged["y"]).sum() / (judged["d"] * judged["o"]).sum()
    assert (told["above"] + rate).tolist() == pytest.approx([0.5] * 3)


def test_verdicts_that_are_labelled_more_often_do_not_weigh_more(streams):
    rows = [label()] * 30 + [label(flagged=False, event=0.0)] * 10
    one = told(streams, *rows)[0][53]
    flagged = one.stratum[0] == 0
    share = one.shares[0, 0]
    assert one.scale[0][flagged].sum() == pytest.approx(40 * share)
    assert one.scale[0].sum() == pytest.approx(40)


def test_a_label_weighs_its_segments_share_of_the_baseline(streams):
    segments = by_segment(streams)
    labels, _ = told(streams, label(), label(segment="learning"))
    weight = streams.mix[0, :2] / segments.opportunities[0, :2, 50]
    found = labels[53].scale[0]
    assert found / found.mean() == pytest.approx(weight / weight.mean())


def test_labels_drawn_in_one_segment_say_nothing_of_the_whole(streams):
    local = label(local=True, segment="learning")
    one = told(streams, label(), label(flagged=False), local, {**local, "flagged": False})[0][53]
    assert one.everywhere().total.tolist() == [2]
    assert one.within(np.array([-1])).total.tolist() == [2]
    share = one.shares[0, 2]
    there = one.local[0] == 1
    assert sorted(one.scale[0][there]) == pytest.approx(sorted([2 * share, 2 * (1 - share)]))


def test_bursts_of_two_segments_weigh_verdicts_each_by_its_own_segment(streams):
    drawn = {"learning": (6, 3), "coding": (2, 8)}
    rows = [
        label(local=True, segment=segment, flagged=flagged)
        for segment, counts in drawn.items()
        for flagged, count in zip((True, False), counts, strict=True)
        for _ in range(count)
    ]
    one = told(streams, *rows)[0][53]
    for place in np.unique(one.segment[0]):
        inside = (one.within(np.array([place])).n * one.scale)[0]
        share = inside[one.stratum[0] == 0].sum() / inside.sum()
        assert share == pytest.approx(one.shares[0, place + 1])


def test_a_label_on_a_day_without_data_counts_on_the_next_with_some(streams):
    user_days, _, _ = Product(judged=60).frames(1)
    gone = user_days["day"].isin([ORIGIN + pd.Timedelta(days=day) for day in (53, 54)])
    silent = daily_streams(user_days[~gone], first=ORIGIN, days=100, baseline_days=28)
    labels, _ = told(silent, label(), label(flagged=False))
    assert [day for day, one in enumerate(labels) if one is not None] == [55]


@pytest.mark.parametrize(
    "gone",
    [
        {"event": np.nan}, {"segment": "unheard of"}, {"panel": "p9"},
        {"labelled_on": ORIGIN + pd.Timedelta(days=200)},
        {"day": ORIGIN - pd.Timedelta(days=1)}, {"day": ORIGIN + pd.Timedelta(days=54)},
    ],
)  # fmt: skip
def test_what_cannot_be_placed_is_no_label(streams, gone):
    labels, _ = told(streams, label(), label(**gone))
    assert labels[53].n.tolist() == [[1]]


def test_a_burst_is_complete_once_when_half_of_it_is_in(streams):
    burst = {"batch": "b1", "batch_size": 20}
    late = {"labelled_on": ORIGIN + pd.Timedelta(days=55)}
    last = {"labelled_on": ORIGIN + pd.Timedelta(days=57)}
    rows = [label(**burst)] * 9 + [label(**burst, **late)] + [label(**burst, **last)] * 10
    other = [label(batch="b2", batch_size=20)] * 9
    _, found = told(streams, *rows, *other, *[label()] * 40)
    assert np.flatnonzero(found[:, 0]).tolist() == [55]


def test_half_of_the_weight_is_the_wholes_and_a_lone_segment_has_none():
    mix = np.array([[0.6, 0.4, 0], [1, 0, 0]])
    assert np.exp(mix_weights(mix)) == pytest.approx(np.array([[0.5, 0.25, 0.25, 0], [1, 0, 0, 0]]))
