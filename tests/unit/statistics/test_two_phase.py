from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, t

from alignment_monitor.statistics.gold_sample import collapse_strata
from alignment_monitor.statistics.two_phase import (
    EMPTY_STRATUM,
    NO_GOLD,
    NO_JUDGED,
    NO_OPPORTUNITY,
    ONE_USER,
    difference_estimate,
    pseudo_outcomes,
    two_phase,
)

FIGURES = ("rate", "lower", "upper", "variance", "clustered", "effective_n", "degrees")
WEIGHTS = st.sampled_from([1.0, 2.0, 7.5])
MESSAGE = st.tuples(
    WEIGHTS,
    st.integers(0, 2),  # stratum
    st.integers(0, 5),  # user
    st.sampled_from([(0, 0), (0, 1), (1, 1), (np.nan, np.nan)]),  # event and opportunity
    st.integers(0, 1),  # cell
)
SAMPLES = st.lists(MESSAGE, min_size=1, max_size=40)
QUICK = settings(max_examples=60)


def columns(messages, *, conditional=True):
    weight, stratum, user, labels, cell = map(np.array, zip(*messages, strict=True))
    event, offered = labels[:, 0], labels[:, 1]
    found = {"weight": weight, "stratum": stratum, "user": user, "event": event, "cell": cell}
    return {**found, "offered": offered} if conditional else found


def figures(found):
    return np.array([getattr(found, name) for name in FIGURES])


def one(**values):
    """Figures of a sample whose messages have, where nothing else is said, all the same."""
    size = len(values["event"])
    defaults = {"weight": np.ones(size), "stratum": np.zeros(size), "user": np.arange(size)}
    return two_phase(**{**defaults, **values})


def test_rate_variance_and_interval_are_those_of_the_formula():
    found = two_phase(
        weight=[2, 2, 4, 1, 3, 3, 5],
        stratum=[0, 0, 0, 0, 1, 1, 1],
        user=[0, 1, 2, 2, 3, 3, 4],
        event=[1, 0, 0, np.nan, 1, 1, np.nan],
    )
    w, y = np.array([9, 11]) / 20, np.array([2 / 8, 1.0])
    m = np.array([64 / 24, 2.0])
    p = (y * m + 0.5) / (m + 1)
    first = w**2 * p * (1 - p) / m
    rate = w @ y
    by_user = np.array([2 * y[0], 2 * y[0], 5 * y[0], 6 * y[1], 5 * y[1]])
    by_user -= np.array([2, 2, 5, 6, 5]) * rate
    clustered = 5 / 4 * (by_user**2).sum() / 20**2
    variance = first.sum() + clustered
    degrees = variance**2 / ((first**2 / np.maximum(m - 1, 1)).sum() + clustered**2 / 4)
    n = (w @ p) * (1 - w @ p) / variance
    q = t.ppf(0.975, degrees) ** 2
    centre = (rate + q / (2 * n)) / (1 + q / n)
    half = np.sqrt(q * (rate * (1 - rate) / n + q / (4 * n**2))) / (1 + q / n)
    expected = [rate, centre - half, centre + half, variance, clustered, n, degrees]
    assert figures(found)[:, 0] == pytest.approx(expected)
    assert (found.judged[0], found.gold[0], found.users[0], found.reason[0]) == (7, 5, 5, "")


@QUICK
@given(SAMPLES)
def test_gold_for_every_message_gives_the_hajek_ratio(messages):
    sample = columns([m for m in messages if m[3][0] == m[3][0]] or [(1.0, 0, 0, (0, 1), 0)])
    found = two_phase(**sample)
    for cell in np.unique(sample["cell"]):
        mine = sample["cell"] == cell
        d, y, o = (sample[name][mine] for name in ("weight", "event", "offered"))
        if d @ o > 0:
            assert found.rate[cell] == pytest.approx(d @ y / (d @ o))
        else:
            assert found.reason[cell] == NO_OPPORTUNITY


@QUICK
@given(SAMPLES, st.booleans(), st.randoms(use_true_random=False))
def test_neither_order_nor_names_of_strata_and_users_matter(messages, conditional, random):
    before = two_phase(**columns(messages, conditional=conditional), cells=2)
    stratum, user = random.sample(range(3), 3), random.sample(range(50), 6)
    renamed = [(d, stratum[h], user[u], y, c) for d, h, u, y, c in messages]
    shuffled = random.sample(renamed, len(renamed))
    after = two_phase(**columns(shuffled, conditional=conditional), cells=2)
    np.testing.assert_allclose(figures(after), figures(before), rtol=1e-9, atol=1e-12)
    assert list(after.reason) == list(before.reason)


@QUICK
@given(SAMPLES, st.sampled_from([1e-6, 3.0, 1e6]))
def test_only_ratios_of_weights_matter(messages, factor):
    sample = columns(messages)
    scaled = {**sample, "weight": sample["weight"] * factor}
    np.testing.assert_allclose(
        figures(two_phase(**scaled)), figures(two_phase(**sample)), rtol=1e-9, atol=1e-12
    )


@QUICK
@given(SAMPLES)
def test_cells_know_nothing_of_each_other(messages):
    sample = columns(messages)
    together = two_phase(**sample, cells=2)
    for cell in range(2):
        mine = sample["cell"] == cell
        alone = two_phase(**{name: values[mine] for name, values in sample.items()}, cells=2)
        assert figures(together)[:, cell] == pytest.approx(figures(alone)[:, cell], nan_ok=True)


@QUICK
@given(SAMPLES)
def test_a_rate_lies_in_its_interval_or_a_reason_is_given(messages):
    found = two_phase(**columns(messages), cells=2)
    known = np.isfinite(found.rate)
    undefined = {NO_JUDGED, NO_GOLD, EMPTY_STRATUM, NO_OPPORTUNITY}
    assert [reason in undefined for reason in found.reason] == list(~known)
    assert np.isfinite(figures(found)[:, known]).all()
    assert np.isnan(figures(found)[:, ~known]).all()
    lower, rate, upper = found.lower[known], found.rate[known], found.upper[known]
    assert ((lower >= 0) & (lower <= rate) & (rate <= upper) & (upper <= 1)).all()
    assert (upper > lower).all()


def test_an_opportunity_everywhere_is_a_plain_share():
    rng = np.random.default_rng(1)
    event = np.where(rng.random(200) < 0.5, rng.random(200) < 0.2, np.nan)
    sample = {"event": event, "stratum": rng.integers(0, 3, 200), "user": rng.integers(0, 40, 200)}
    plain, ratio = one(**sample), one(**sample, offered=np.where(np.isnan(event), np.nan, 1.0))
    assert figures(ratio) == pytest.approx(figures(plain))


def test_nothing_judged_and_nothing_labelled_give_no_number():
    assert one(event=[]).reason[0] == NO_JUDGED
    nothing = one(event=[np.nan, np.nan])
    assert nothing.reason[0] == NO_GOLD
    assert np.isnan(figures(nothing)).all()
    assert list(two_phase(weight=[], stratum=[], user=[], event=[], cells=3).judged) == [0, 0, 0]


def test_a_stratum_without_gold_is_not_taken_for_zero():
    found = one(event=[1, 0, np.nan], stratum=[0, 0, 1])
    assert found.reason[0] == EMPTY_STRATUM
    assert np.isnan(found.rate[0])


@pytest.mark.parametrize("event", [0.0, 1.0])
@pytest.mark.parametrize("messages", [1, 50])
def test_one_user_says_next_to_nothing(event, messages):
    found = one(event=[event] * messages, user=[0] * messages)
    assert (found.rate[0], found.reason[0]) == (event, ONE_USER)
    assert found.upper[0] - found.lower[0] > 0.9


@pytest.mark.parametrize("event", [0.0, 1.0])
def test_agreement_of_all_labels_is_not_certainty(event):
    found = one(event=[event] * 60)
    assert found.rate[0] == event
    assert found.effective_n[0] == pytest.approx(60)
    split = one(event=[event] * 60, stratum=np.arange(60) % 4)
    assert 0.04 < split.upper[0] - split.lower[0] < 0.12


def test_labels_of_the_same_users_are_not_many_labels():
    event = np.repeat([1.0, 0.0, 0.0, 0.0], 10)  # 40 users, each alike in all five messages
    apart = one(event=np.tile(event, 5))
    together = one(event=np.tile(event, 5), user=np.tile(np.arange(40), 5))
    assert apart.effective_n[0] == pytest.approx(200)
    assert together.effective_n[0] == pytest.approx(40, rel=0.05)


def world(rng, *, cells, judged, rate=0.1):
    """Judged messages by users who differ, with a judge that errs and gold by its verdict."""
    size = cells * judged
    cell, user = np.repeat(np.arange(cells), judged), rng.integers(0, judged // 2, size)
    segment = rng.integers(0, 2, size)
    factor = rng.choice([0.5, 1.5], (cells, judged // 2))[cell, user]
    event = rng.random(size) < rate * np.where(segment, 1.6, 0.4) * factor
    verdict = rng.random(size) < np.where(event, 0.8, 0.06)
    keep = rng.random(size) < np.where(segment, 1.0, 0.4)  # the cheap segment is sampled less
    probability = np.where(verdict, 0.7, 0.15)
    gold = np.where(rng.random(size) < probability, event, np.nan)
    sample = {
        "weight": np.where(segment, 1.0, 2.5),
        "stratum": verdict.astype(int),
        "user": user,
        "event": gold,
        "cell": cell,
    }
    return {name: values[keep] for name, values in sample.items()}


def test_the_interval_covers_about_as_often_as_it_says_and_weights_are_needed():
    rng = np.random.default_rng(11)
    sample = world(rng, cells=600, judged=700)
    found = two_phase(**sample)
    covered = int(((found.lower <= 0.1) & (found.upper >= 0.1)).sum())
    assert binom.ppf(0.001, 600, 0.935) <= covered <= binom.ppf(0.999, 600, 0.98)
    error = found.rate.std() / np.sqrt(600)
    assert abs(found.rate.mean() - 0.1) < 3.5 * error
    unweighted = two_phase(**{**sample, "weight": np.ones(len(sample["cell"]))})
    assert unweighted.rate.mean() - 0.1 > 20 * error


def every_draw(strata, wanted):
    """Each set of labels that a draw of so many from each stratum can give."""
    places = [np.flatnonzero(strata == h) for h in range(len(wanted))]
    for chosen in product(*(combinations(p, m) for p, m in zip(places, wanted, strict=True))):
        yield np.isin(np.arange(len(strata)), np.concatenate(chosen))


def test_estimates_are_unbiased_over_all_draws_of_gold():
    stratum, truth = np.array([0, 0, 0, 0, 0, 1, 1, 1]), np.array([1, 0, 0, 1, 0, 1, 1, 0.0])
    level, uneven = np.where(stratum, 3.0, 1.0), np.array([1, 5, 2, 1, 1, 4, 1, 2.0])
    probability = np.array([2 / 5, 2 / 3])[stratum]
    user = np.arange(8)
    plain, general = [], []
    for taken in every_draw(stratum, (2, 2)):
        event = np.where(taken, truth, np.nan)
        plain.append(two_phase(weight=level, stratum=stratum, user=user, event=event).rate[0])
        general.append(
            pseudo_outcomes(event, np.linspace(0, 1, 8), probability) @ uneven / uneven.sum()
        )
    assert np.mean(plain) == pytest.approx(level @ truth / level.sum())
    assert np.mean(general) == pytest.approx(uneven @ truth / uneven.sum())
    assert np.std(plain) > 0.05


def test_the_general_form_with_stratum_means_is_the_stratified_estimate():
    rng = np.random.default_rng(2)
    sample = world(rng, cells=1, judged=8000)
    # Where weights differ within strata, p(1 - p)/m takes them to be unrelated to the labels.
    sample["weight"] = np.where(sample["stratum"], 1.0, 2.5)
    stratum, weight, event = (sample[name] for name in ("stratum", "weight", "event"))
    labelled = np.isfinite(event)
    mean, probability = np.zeros(len(event)), np.zeros(len(event))
    for h in (0, 1):
        mine = stratum == h
        mean[mine] = np.average(event[mine & labelled], weights=weight[mine & labelled])
        probability[mine] = weight[mine & labelled].sum() / weight[mine].sum()
    general = difference_estimate(
        weight=weight,
        user=sample["user"],
        event=event,
        prediction=mean,
        gold_probability=probability,
    )
    stratified = two_phase(**sample)
    assert general.rate == pytest.approx(stratified.rate)
    assert general.clustered == pytest.approx(stratified.clustered)
    assert general.variance == pytest.approx(stratified.variance, rel=0.15)
    stand_in = pseudo_outcomes(event, mean, probability)
    assert weight @ stand_in / weight.sum() == pytest.approx(general.rate[0])


@pytest.mark.parametrize("event", [0.0, 1.0])
def test_a_perfect_prediction_of_an_edge_is_not_certainty(event):
    found = difference_estimate(
        weight=np.ones(40),
        user=np.arange(40),
        event=[event] * 20 + [np.nan] * 20,
        prediction=[event] * 40,
        gold_probability=[0.5] * 40,
    )
    assert found.rate[0] == event
    assert found.effective_n[0] == pytest.approx(20)
    nothing = difference_estimate(
        weight=[1], user=[0], event=[np.nan], prediction=[0.5], gold_probability=[0.5]
    )
    assert (np.isnan(nothing.rate[0]), nothing.reason[0]) == (True, NO_GOLD)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": [0.0, 1.0]},
        {"weight": [np.nan, 1.0]},
        {"event": [1.5, 0.0]},
        {"event": [1.0, 0.0], "offered": [0.0, 1.0]},
        {"gold_probability": [0.0, 0.5]},
        {"gold_probability": [1.5, 0.5]},
    ],
)
def test_impossible_values_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        one(**{"event": [1.0, 0.0], **wrong})


def test_thin_strata_merge_within_their_parent_only():
    stratum = np.array([0, 0, 0, 1, 1, 2, 3, 3, 4])
    parent = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2])
    labelled = np.array([1, 1, 1, 1, 0, 0, 1, 1, 0])
    found = collapse_strata(stratum, parent, labelled)
    groups = [set(np.flatnonzero(found == code)) for code in np.unique(found)]
    # Strata 1 and 2 have one label between them and join stratum 0; 4 has nowhere to go.
    assert sorted(groups, key=min) == [{0, 1, 2, 3, 4, 5}, {6, 7}, {8}]
    apart = collapse_strata(stratum, parent, labelled, least=1)
    groups = [set(np.flatnonzero(apart == code)) for code in np.unique(apart)]
    assert sorted(groups, key=min) == [{0, 1, 2, 5}, {3, 4}, {6, 7}, {8}]


@QUICK
@given(SAMPLES)
def test_merging_leaves_no_stratum_thin_that_has_company(messages):
    sample = columns(messages)
    labelled = np.isfinite(sample["event"])
    parent = sample["stratum"] // 2
    found = collapse_strata(sample["stratum"], parent, labelled, cell=sample["cell"])
    for code in np.unique(found):
        mine = found == code
        assert len(set(zip(parent[mine], sample["cell"][mine], strict=True))) == 1
        family = (parent == parent[mine][0]) & (sample["cell"] == sample["cell"][mine][0])
        assert labelled[mine].sum() >= 2 or not (family & ~mine).any()
