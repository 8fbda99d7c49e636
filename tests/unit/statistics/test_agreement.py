from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom, spearmanr

from alignment_monitor.statistics import agreement
from alignment_monitor.statistics.agreement import (
    bootstrap_interval,
    gwet_ac1,
    gwet_ac2,
    krippendorff_alpha,
    quadratic_kappa,
    raw_agreement,
    spearman,
)

NONE = np.nan
# Four observers, twelve units: Krippendorff 2011, example C; Gwet's irrCAC calls it cac.raw4raters.
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
        [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
    ]
)
LEVELS = range(4)

ALPHAS = {
    f"alpha {level}": partial(krippendorff_alpha, level=level)
    for level in ("nominal", "ordinal", "interval")
}
GWETS = {
    "AC1": partial(gwet_ac1, categories=LEVELS),
    "AC2": partial(gwet_ac2, categories=LEVELS),
}
OF_MANY = {**ALPHAS, **GWETS, "raw": raw_agreement}
OF_TWO = {"kappa": partial(quadratic_kappa, categories=LEVELS), "Spearman": spearman}


def over_pairs(statistic):
    """A coefficient of two raters, called as those of many."""
    return lambda ratings, **options: statistic(ratings[0], ratings[1], **options)


ALL = {**OF_MANY, **{name: over_pairs(statistic) for name, statistic in OF_TWO.items()}}
every = pytest.mark.parametrize("statistic", ALL.values(), ids=ALL)
of_many = pytest.mark.parametrize("statistic", OF_MANY.values(), ids=OF_MANY)


@st.composite
def rated(draw, most_raters=4):
    """Levels 0-3 that two raters or more gave to a few units, some missing."""
    shape = (draw(st.integers(2, most_raters)), draw(st.integers(2, 12)))
    levels = draw(arrays(float, shape, elements=st.sampled_from([0.0, 1, 2, 3])))
    missing = draw(arrays(bool, shape, elements=st.sampled_from([False, False, False, True])))
    return np.where(missing, np.nan, levels)


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_of_four_observers_is_the_published_one(level, published):
    assert krippendorff_alpha(OBSERVERS, level) == pytest.approx(published, abs=0.0006)


def test_alpha_of_two_observers_is_the_published_one():
    # Krippendorff 2011, examples A (binary) and B (nominal).
    binary = [[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]
    assert krippendorff_alpha(binary) == pytest.approx(0.095, abs=0.0005)
    a, b, c, d, e = range(5)
    nominal = [[a, a, b, b, d, c, c, c, e, d, d, a], [b, a, b, b, b, c, c, c, e, d, d, d]]
    assert krippendorff_alpha(nominal) == pytest.approx(0.692, abs=0.0005)


def test_gwet_coefficients_of_four_observers_are_the_published_ones():
    assert raw_agreement(OBSERVERS) == pytest.approx(0.81818, abs=5e-6)
    assert gwet_ac1(OBSERVERS) == pytest.approx(0.77544, abs=5e-6)
    assert gwet_ac2(OBSERVERS) == pytest.approx(0.914, abs=5e-4)


def test_ac1_stays_high_where_one_category_prevails_and_kappa_collapses():
    # Gwet 2002: 118 yes/yes, 5 and 2 off the diagonal, none no/no; kappa -.023, AC1 .941.
    a = np.repeat([1, 1, 0], [118, 5, 2])
    b = np.repeat([1, 0, 1], [118, 5, 2])
    assert gwet_ac1([a, b]) == pytest.approx(0.941, abs=0.0005)
    assert quadratic_kappa(a, b, [0, 1]) == pytest.approx(-0.023, abs=0.0005)


@given(rated(most_raters=2))
def test_quadratic_kappa_is_a_concordance_correlation(ratings):
    # Fleiss and Cohen 1973; Lin 1989 gives the same in moments.
    a, b = ratings[:, ~np.isnan(ratings).any(axis=0)]
    if not len(a):
        assert np.isnan(quadratic_kappa(*ratings, LEVELS))
        return
    spread = a.var() + b.var() + (a.mean() - b.mean()) ** 2
    kappa = quadratic_kappa(*ratings, LEVELS)
    if spread == 0:
        assert np.isnan(kappa)
    else:
        assert kappa == pytest.approx(2 * ((a - a.mean()) * (b - b.mean())).mean() / spread)


@given(
    st.lists(st.tuples(st.integers(-4, 4), st.floats(-2, 2)), min_size=3, max_size=30).filter(
        lambda pairs: all(len(set(values)) > 1 for values in zip(*pairs, strict=True))
    )
)
def test_rank_correlation_is_the_one_of_scipy(pairs):
    a, b = zip(*pairs, strict=True)
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-9)
    assert spearman([*a, 1], [*b, np.nan]) == pytest.approx(spearman(a, b))


@every
@given(ratings=rated(most_raters=2), data=st.data())
def test_order_of_units_and_of_raters_does_not_matter(statistic, ratings, data):
    units = data.draw(st.permutations(range(ratings.shape[1])))
    expected = pytest.approx(statistic(ratings), nan_ok=True, abs=1e-9)
    assert statistic(ratings[:, units]) == expected
    assert statistic(ratings[::-1]) == expected


@of_many
@given(ratings=rated())
def test_a_unit_that_nobody_rated_adds_nothing(statistic, ratings):
    lonely = np.full((len(ratings), 1), np.nan)
    assert statistic(np.hstack([ratings, lonely])) == pytest.approx(
        statistic(ratings), nan_ok=True, abs=1e-9
    )


@pytest.mark.parametrize("statistic", [*ALPHAS.values(), raw_agreement])
@given(ratings=rated(), rating=st.sampled_from(range(4)))
def test_nor_does_a_single_rating_where_pairs_are_compared(statistic, ratings, rating):
    lonely = np.full((len(ratings), 1), np.nan)
    lonely[0] = rating
    assert statistic(np.hstack([ratings, lonely])) == pytest.approx(
        statistic(ratings), nan_ok=True, abs=1e-9
    )


@given(rated(), st.permutations(range(4)))
def test_nominal_coefficients_do_not_depend_on_the_labels(ratings, names):
    renamed = np.where(
        np.isnan(ratings), np.nan, np.take(names, np.nan_to_num(ratings).astype(int))
    )
    for statistic in (krippendorff_alpha, GWETS["AC1"], raw_agreement):
        assert statistic(renamed) == pytest.approx(statistic(ratings), nan_ok=True, abs=1e-9)


@given(rated(), st.floats(0.5, 5), st.floats(-3, 3))
def test_ordinal_alpha_needs_only_the_order_and_interval_alpha_only_the_scale(ratings, a, b):
    expected = {
        name: pytest.approx(f(ratings), nan_ok=True, abs=1e-6) for name, f in ALPHAS.items()
    }
    assert krippendorff_alpha(ratings**3 + 1, "ordinal") == expected["alpha ordinal"]
    assert krippendorff_alpha(a * ratings + b, "interval") == expected["alpha interval"]


@every
@given(ratings=rated(most_raters=2), data=st.data())
def test_a_weight_is_how_often_a_unit_is_repeated(statistic, ratings, data):
    units = ratings.shape[1]
    weights = data.draw(arrays(int, (3, units), elements=st.integers(0, 3)))
    together = statistic(ratings, weights=weights)
    for weight, value in zip(weights, together, strict=True):
        repeated = np.repeat(ratings, weight, axis=1)
        assert value == pytest.approx(statistic(repeated), nan_ok=True, abs=1e-9)


@every
def test_perfect_agreement_is_one_and_independent_ratings_are_near_their_chance(statistic):
    rng = np.random.default_rng(5)
    levels = rng.integers(4, size=20_000).astype(float)
    assert statistic(np.array([levels, levels])) == pytest.approx(1)
    chance = 0.25 if statistic is raw_agreement else 0
    assert statistic(np.array([levels, rng.permutation(levels)])) == pytest.approx(chance, abs=0.02)


@pytest.mark.parametrize("statistic", [*ALPHAS.values(), *map(over_pairs, OF_TWO.values())])
def test_a_single_category_says_nothing_of_agreement_beyond_chance(statistic):
    assert np.isnan(statistic(np.ones((2, 5))))


def test_ac1_of_a_single_category_is_one_if_others_could_have_been_given():
    assert gwet_ac1(np.ones((2, 5)), [0, 1]) == 1
    assert np.isnan(gwet_ac1(np.ones((2, 5))))


@every
def test_without_a_pair_of_ratings_there_is_no_coefficient(statistic):
    assert np.isnan(statistic(np.array([[1, np.nan, 2], [np.nan, 1, np.nan]])))


def test_a_rating_outside_the_categories_is_refused():
    with pytest.raises(ValueError, match="outside the categories"):
        quadratic_kappa([0, 4], [0, 1], LEVELS)
    with pytest.raises(ValueError, match="outside the categories"):
        gwet_ac1([[0, 4], [0, 1]], LEVELS)


def agreeing(rng, conversations, share=0.7):
    """Two raters of three messages in each conversation, whose messages are alike."""
    first = np.repeat(rng.integers(4, size=conversations), 3).astype(float)
    same = np.repeat(rng.random(conversations) < share, 3)
    other = np.repeat(rng.integers(4, size=conversations), 3)
    return first, np.where(same, first, other), np.repeat(np.arange(conversations), 3)


def test_the_interval_holds_the_statistic_is_seeded_and_does_not_depend_on_names_of_clusters():
    a, b, clusters = agreeing(np.random.default_rng(1), 60)
    lower, upper = bootstrap_interval(spearman, a, b, clusters=clusters)
    assert lower < spearman(a, b) < upper
    named = [f"conversation-{cluster:03}" for cluster in clusters]
    assert bootstrap_interval(spearman, a, b, clusters=named) == (lower, upper)
    assert bootstrap_interval(spearman, a, b, clusters=clusters, seed=1) != (lower, upper)


def test_alike_messages_of_a_conversation_do_not_narrow_the_interval():
    a, b, clusters = agreeing(np.random.default_rng(2), 100)

    def width(clusters):
        lower, upper = bootstrap_interval(
            krippendorff_alpha, np.array([a, b]), clusters=clusters, replicates=2000
        )
        return upper - lower

    assert width(clusters) / width(np.arange(300)) == pytest.approx(np.sqrt(3), rel=0.15)


def test_where_a_statistic_is_mostly_undefined_there_is_no_interval():
    rare = np.array([1.0] + [0.0] * 30)
    assert np.isnan(bootstrap_interval(spearman, rare, rare, clusters=np.arange(31))).all()
    assert np.isnan(bootstrap_interval(spearman, [0, 1], [0, 1], clusters=[7, 7])).all()
    assert np.isnan(bootstrap_interval(spearman, [], [], clusters=[])).all()


@pytest.mark.parametrize("cells", [1, 700, 10**6])
def test_the_interval_does_not_depend_on_how_many_replicates_are_held_at_once(monkeypatch, cells):
    a, b, clusters = agreeing(np.random.default_rng(3), 20)
    expected = bootstrap_interval(spearman, a, b, clusters=clusters, replicates=50)
    seen = []

    def counted(*units, weights):
        seen.extend(weights.sum(axis=1))
        return spearman(*units, weights=weights)

    monkeypatch.setattr(agreement, "_CELLS_AT_ONCE", cells)
    interval = bootstrap_interval(counted, a, b, clusters=clusters, replicates=50)
    assert interval == pytest.approx(expected)
    assert seen == [60] * 50


def test_the_interval_of_alpha_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(4)
    covered, trials = 0, 200
    for seed in range(trials):
        first, second, clusters = agreeing(rng, 80)
        lower, upper = bootstrap_interval(
            krippendorff_alpha,
            np.array([first, second]),
            clusters=clusters,
            replicates=300,
            seed=seed,
        )
        covered += lower <= 0.7 <= upper  # a share of .7 agrees, the rest by chance
    assert binom.ppf(0.001, trials, 0.92) <= covered <= binom.ppf(0.999, trials, 0.97)
