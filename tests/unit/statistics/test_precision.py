import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from alignment_monitor.statistics.precision import exact_interval, measured_precision

VERDICTS = ("true_drift", "false_alarm", "expected_change", None, "quiet")


@given(st.integers(1, 500), st.data())
def test_the_interval_is_that_of_clopper_and_pearson(n, data):
    hits = data.draw(st.integers(0, n))
    oracle = binomtest(hits, n).proportion_ci(0.95, method="exact")
    assert exact_interval(hits, n) == pytest.approx((oracle.low, oracle.high), abs=1e-6)


@pytest.mark.parametrize("n", [1, 5, 20, 60])
@pytest.mark.parametrize("rate", [0.01, 0.2, 0.5, 0.9])
def test_it_covers_the_truth_at_least_as_often_as_it_says(n, rate):
    covered = sum(
        binom.pmf(hits, n, rate)
        for hits in range(n + 1)
        if exact_interval(hits, n)[0] <= rate <= exact_interval(hits, n)[1]
    )
    assert covered >= 0.95


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_what_is_no_share_is_refused(hits, n):
    with pytest.raises(ValueError, match="no share"):
        exact_interval(hits, n)


@given(st.lists(st.tuples(st.sampled_from(["MODEL", "JUDGE"]), st.sampled_from(VERDICTS))))
def test_every_alert_is_counted_once_and_the_types_add_up(alerts):
    found = measured_precision(alerts)
    if not alerts:
        assert found == []
        return
    *kinds, whole = found
    assert whole.type == "all"
    for name in ("fired", "true_drifts", "false_alarms", "expected_changes", "n"):
        assert getattr(whole, name) == sum(getattr(kind, name) for kind in kinds)
    for one in found:
        if not one.n:
            assert (one.precision, one.lower, one.upper) == (None, None, None)
        else:
            assert 0 <= one.lower <= one.precision <= one.upper <= 1
            assert one.precision == one.true_drifts / one.n


def test_an_expected_change_speaks_neither_for_nor_against():
    few = [("MODEL", "true_drift"), ("MODEL", "false_alarm")]
    more = [*few, *[("MODEL", "expected_change")] * 5]
    assert measured_precision(few)[-1].precision == measured_precision(more)[-1].precision == 0.5
