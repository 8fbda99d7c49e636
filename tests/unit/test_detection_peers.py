"""Other tools' alarms: what they are given, how they are counted, and that they can be called."""

import math
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from benchmarks import common, detection_peers, detection_plot
from benchmarks.detection_peers import PEERS, Figures, World
from benchmarks.peers import alarm_peers

THRESHOLD = next(peer for peer in PEERS if not peer.method)


def peer_of(method):
    return next(peer for peer in PEERS if peer.method == method)


def given(n, positives, baseline_days):
    n, positives = np.array(n), np.array(positives)
    with np.errstate(invalid="ignore"):
        return alarm_peers.Given(positives / n, n, positives, baseline_days)


def test_detection_peers_are_pinned_below_pandas_3():
    lines = common.pinned(page=common.PEERS_DETECTION)
    assert lines == common.PEERS_DETECTION.read_text().splitlines()
    versions = dict(line.split("==") for line in lines)
    assert {"river", "drift-caliper", "evidently"} < set(versions)
    assert int(versions["pandas"].split(".")[0]) < 3


def test_an_environment_counts_as_made_only_with_just_these_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "CACHE", tmp_path)
    assert common.installed("some", ["a==1"]) is None
    folder = tmp_path / "peers" / "some"
    folder.mkdir(parents=True)
    (folder / "installed.txt").write_text("a==1")
    assert common.installed("some", ["a==1"]) == folder / "bin" / "python"
    assert common.installed("some", ["a==2"]) is None


def test_a_peer_that_fails_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="no_such_file"):
        common.run_peer(
            sys.executable,
            "alarm_peers.py",
            "no_such_file",
            "out",
            "adwin",
            folder=tmp_path,
            timeout=60,
        )


def test_each_peer_has_a_method_and_its_default_where_the_tool_documents_one():
    methods = [peer.method for peer in PEERS if peer.method]
    assert sorted(methods) == sorted(alarm_peers.METHODS)
    assert peer_of("adwin").default == 0.002
    assert peer_of("page_hinkley").default == 50
    assert peer_of("evidently_day").default == 0.1
    assert len({peer.name for peer in PEERS}) == len(PEERS)


def test_a_stream_of_messages_has_each_outcome_on_its_day_and_the_same_order_again():
    days = given([[4, 0, 3]], [[1, 0, 3]], 1)
    outcomes, when = alarm_peers.messages(days, 0)
    assert when == [0] * 4 + [2] * 3
    assert (sum(outcomes[:4]), sum(outcomes[4:])) == (1, 3)
    assert alarm_peers.messages(days, 0) == (outcomes, when)
    many = given([[200], [200]], [[100], [100]], 1)
    orders = [alarm_peers.messages(many, series)[0] for series in (0, 1)]
    assert orders[0] != orders[1]
    assert orders[0] != sorted(orders[0], reverse=True)


def test_days_are_standardised_by_the_baseline_alone_and_empty_ones_left_out():
    values, when = alarm_peers.standardised_days(given([[10, 0, 10, 10]], [[1, 0, 3, 9]], 3), 0)
    assert when == [0, 2, 3]
    spread = np.std([0.1, 0.3], ddof=1)
    assert values == pytest.approx([-0.1 / spread, 0.1 / spread, 0.7 / spread])


def test_batches_part_a_day_evenly_and_lose_no_message():
    days = given([[7, 0, 500]], [[3, 0, 65]], 1)
    n, positives = alarm_peers.batches(days, 4)
    assert (n.sum(axis=-1) == days.n).all()
    assert (positives.sum(axis=-1) == days.positives).all()
    assert (positives <= n).all()
    assert (n.max(axis=-1) - n.min(axis=-1) <= 1).all()


def test_the_figures_for_all_days_at_once_are_the_tests_own():
    n0, k0, n, k = 2800, 364, 500, 90
    table = [[k0, n0 - k0], [k, n - k]]
    expected = chi2_contingency(table, correction=False).pvalue
    found = alarm_peers.z_test(*(np.array([[value]]) for value in (n0, k0, n, k)))
    assert found == pytest.approx(expected)
    p, q = 0.13, 0.2
    middle = (p + q) / 2
    divergence = sum(
        (a * math.log(a / m) + b * math.log(b / m)) / 2
        for a, b, m in ((p, q, middle), (1 - p, 1 - q, 1 - middle))
    )
    distance = alarm_peers.jensen_shannon(np.array([[p]]), np.array([[q]]))
    assert distance == pytest.approx(math.sqrt(divergence))


def test_a_window_holds_the_last_days_and_before_them_all_there_are():
    values = np.arange(1, 11).reshape(1, 10)
    found = alarm_peers.windowed(values, 7)
    assert found[0].tolist() == [sum(range(max(1, day - 6), day + 1)) for day in range(1, 11)]
    assert (alarm_peers.windowed(values, 1) == values).all()


def test_a_detector_is_new_for_each_series_and_knob_and_alarms_on_the_day_of_the_value():
    class Count:
        def __init__(self, knob):
            self.knob, self.seen, self.drift_detected = knob, 0, False

        def update(self, value):
            self.seen += 1
            self.drift_detected = self.seen % self.knob == 0

    method = alarm_peers.river(Count, alarm_peers.messages)
    found = method(given([[2, 2, 1, 2]] * 2, [[0] * 4] * 2, 1), [3, 5])
    assert found[:, 0].tolist() == [[False, True, False, True], [False, False, True, False]]
    assert (found[:, 0] == found[:, 1]).all()


def test_the_baseline_is_never_alarmed_on(monkeypatch):
    def always(given, knobs):
        return np.ones((len(knobs), *given.n.shape), dtype=bool)

    monkeypatch.setitem(alarm_peers.METHODS, "always", always)
    found = alarm_peers.alarms("always", given([[5] * 4], [[1] * 4], 3), [1.0])
    assert found.tolist() == [[[False, False, False, True]]]
    world = detection_peers.simulate(3, seed=1)
    found = detection_peers.threshold_alarms(world.rates, world.baseline_days, [-1.0])[0]
    assert found[:, world.baseline_days :].all()
    assert not found[:, : world.baseline_days].any()


def test_days_in_a_row_are_one_false_page_and_the_delay_counts_from_the_change():
    found = np.zeros((4, 400), dtype=bool)
    found[0, [60, 61, 62, 80]] = True  # two pages before the change, found on its first day
    found[0, 100] = found[1, 104] = True
    found[2, 100 + detection_peers.MISSED_AFTER] = True
    nothing = np.zeros(found.shape)
    change_day = np.full(4, 100)
    world = World(nothing, nothing.astype(int), nothing.astype(int), 35, change_day)
    assert detection_peers.false_alarms(found, world) == pytest.approx(5 / (4 * 365 / 365.25))
    assert detection_peers.figures(found, world) == Figures(5.0, math.inf, 0.5)


def test_a_simulated_change_comes_after_the_baseline_and_is_as_large_as_said():
    world = detection_peers.simulate(60, seed=7, change=0.08)
    days = np.arange(world.n.shape[1])
    late = days >= world.change_day[:, None]
    assert world.change_day.min() >= world.baseline_days
    assert world.change_day.max() <= days[-1] + 1 - detection_peers.MISSED_AFTER
    assert len(set(world.change_day)) > 30
    before, after = (world.positives[at].sum() / world.n[at].sum() for at in (~late, late))
    assert before == pytest.approx(0.13, abs=0.002)
    assert after == pytest.approx(0.21, abs=0.002)
    again = detection_peers.simulate(60, seed=7, change=0.08)
    assert (again.positives == world.positives).all()
    still = detection_peers.simulate(2, seed=7)
    assert (still.change_day == still.n.shape[1]).all()


def test_a_matched_knob_holds_the_number_on_worlds_that_it_has_not_seen():
    seeds = detection_peers.CALIBRATION_SEED, detection_peers.REPORTING_SEED
    assert len(set(seeds)) == 2
    calibration, other = (detection_peers.simulate(400, seed=seed) for seed in seeds)
    match = detection_peers.matched_knob(THRESHOLD, calibration, 0.5)
    assert match.false_alarms == pytest.approx(0.5, abs=0.02)
    found = detection_peers.alarms(
        THRESHOLD, other.rates, other.n, other.positives, other.baseline_days, match.knob
    )
    standard_error = math.sqrt(2 * 0.5 / other.watched_years)
    assert abs(detection_peers.false_alarms(found, other) - 0.5) < 5 * standard_error


def test_a_number_beyond_the_grid_gives_its_end_and_says_what_it_makes():
    world = detection_peers.simulate(20, seed=3)
    loud = detection_peers.matched_knob(THRESHOLD, world, 1000)
    assert loud.knob == THRESHOLD.grid[-1]
    assert 0 < loud.false_alarms < 1000
    quiet = detection_peers.matched_knob(THRESHOLD, world, -1)
    assert (quiet.knob, quiet.false_alarms) == (THRESHOLD.grid[0], 0)


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_lines_can_be_told_from_both_backgrounds():
    for colour in detection_plot.COLOURS:
        for paper in (detection_plot.LIGHT, detection_plot.DARK):
            assert paper in detection_plot.STYLE
            dark, light = sorted((luminance(colour), luminance(paper)))
            assert (light + 0.05) / (dark + 0.05) >= 3, (colour, paper)


def test_a_picture_draws_every_method_and_names_the_one_that_finds_too_few(tmp_path):
    curves = {
        "ours <&>": [(0.02, 9.0), (0.1, 5.0), (1.0, 3.0)],
        "quiet": [(0.0, 20.0), (0.0, 12.0), (0.3, 6.0)],
        "blind": [(0.0, math.inf), (2.0, math.inf)],
    }
    file = tmp_path / "delay.svg"
    detection_plot.write_picture(file, curves, floor=0.01, title="Delay", own="ours <&>")
    drawing = ElementTree.parse(file).getroot()
    space = "{http://www.w3.org/2000/svg}"
    lines = drawing.findall(f"{space}polyline")
    counts = [len((line.get("points") or "").split()) for line in lines]
    assert counts == [3, 2, 0]
    said = [text.text for text in drawing.findall(f"{space}text")]
    assert {"ours <&>", "quiet", "blind: finds too few"} <= set(said)
    first = [float(place.split(",")[0]) for place in lines[1].get("points").split()]
    assert first[0] == detection_plot.LEFT  # none seen: at the edge
    assert [float(line.get("stroke-width")) > 3 for line in lines] == [True, False, False]


def test_there_is_no_picture_of_nothing():
    with pytest.raises(ValueError, match="no method"):
        detection_plot.picture({"blind": [(0.1, math.inf)]}, floor=0.01, title="Delay")


@pytest.mark.parametrize("method", ["adwin", "caliper_ewma", "evidently_z_week"])
def test_a_tool_finds_a_change_and_alarms_more_with_a_louder_knob(method):
    wanted = common.pinned(page=common.PEERS_DETECTION)
    if common.installed(detection_peers.ENVIRONMENT, wanted) is None:
        pytest.skip("the detection peers are not installed: run benchmarks.detection_peers once")
    peer = peer_of(method)
    world = detection_peers.simulate(3, seed=5, change=0.05, days=95)
    quiet, loud = detection_peers.alarms_by_knob(peer, world, [peer.grid[0], peer.grid[-1]])
    assert quiet.shape == world.n.shape
    assert loud.sum() > quiet.sum()
    assert not loud[:, : world.baseline_days].any()
    assert detection_peers.figures(quiet, world).missed == 0
    assert detection_peers.figures(loud, world).late <= detection_peers.figures(quiet, world).late
