import math
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.contracts import JUDGING_SAMPLE, SAMPLING_DESIGN
from alignment_monitor.resources.lake import Lake
from alignment_monitor.resources.sampling import design_of_day, is_open, write_design
from alignment_monitor.sampling.boosts import (
    LEAST_DEVIATION,
    NOTHING_LEARNED,
    day_in_force,
    learned,
    may_be_written,
    version_of,
)
from alignment_monitor.sampling.design import (
    Candidate,
    conversation_rates,
    draw_sample,
    message_probabilities,
)
from alignment_monitor.settings import BOOSTS, Sampling

DAY = date(2026, 5, 4)
PLACE = ["deployment_family", "segment", "bucket"]
SUMS = ["n", "n_o", "sum_d", "sum_do", "sum_dy"]

PLACES = st.lists(
    st.tuples(
        st.sampled_from(["aurora", "borealis"]),
        st.sampled_from(["chat", "code|review", "unknown"]),
        st.sampled_from(list(BOOSTS)),
    ),
    min_size=1,
    max_size=12,
    unique=True,
)


@st.composite
def histories(draw):
    """Sums and sample of a window; any behaviour may be without opportunity or event."""
    cells, sample = [], []
    for place in draw(PLACES):
        n, d = draw(st.integers(1, 400)), draw(st.floats(1, 300))
        sample += [(DAY, *place, 1 / d)] * min(n, 20)
        for behaviour in draw(st.sets(st.sampled_from(["caving", "praise"]))):
            n_o = draw(st.integers(0, n))
            n_y = draw(st.integers(0, n_o))
            cells.append((*place, behaviour, n, n_o, n * d, n_o * d, n_y * d))
    return frames(cells, sample)


def frames(cells, sample):
    return (
        pd.DataFrame(cells, columns=[*PLACE, "behaviour", *SUMS]),
        pd.DataFrame(sample, columns=["day", *PLACE, "inclusion_probability"]),
    )


def boosts_of(table):
    return {tuple(row[name] for name in PLACE): row["boost"] for row in table.to_dict("records")}


@settings(max_examples=30)
@given(histories())
def test_boosts_can_be_drawn_by_and_defend_every_place(history):
    cells, sample = history
    found = learned(cells, sample, BOOSTS)
    assert len(found) == len(sample[PLACE].drop_duplicates())
    assert np.isfinite(found[["messages", "deviation", "boost"]]).all(axis=None)
    shares = found["messages"] / found.groupby("deployment_family")["messages"].transform("sum")
    level = (shares * found["bucket"].map(BOOSTS) ** 2).groupby(found["deployment_family"])
    level = np.sqrt(level.transform("sum"))
    least = np.minimum(LEAST_DEVIATION * level, found["bucket"].map(BOOSTS))
    assert (found["boost"] >= least * (1 - 1e-9)).all()
    SAMPLING_DESIGN.from_frame(found.assign(day=DAY, design_version="v"))


def test_a_place_where_nothing_was_seen_keeps_a_quarter_of_the_familys_deviation():
    places = [("aurora", segment, "cued") for segment in ("chat", "unknown")]
    cells = [(*places[0], "caving", 400, 0, 400.0, 0.0, 0.0),
             (*places[1], "caving", 400, 400, 400.0, 400.0, 200.0)]  # fmt: skip
    found = learned(*frames(cells, [(DAY, *place, 1.0) for place in places] * 20), BOOSTS)
    quiet, lively = found.sort_values("segment")["deviation"]
    assert quiet == pytest.approx(LEAST_DEVIATION)
    assert lively > 1


@settings(max_examples=20)
@given(histories())
def test_without_verdicts_the_boosts_are_those_of_the_settings(history):
    cells, sample = history
    found = learned(cells.iloc[:0], sample, BOOSTS)
    assert found["boost"].to_numpy() == pytest.approx(found["bucket"].map(BOOSTS).to_numpy())
    assert set(found["judged"]) == {0}


@settings(max_examples=20)
@given(histories(), st.randoms(use_true_random=False), st.floats(0.1, 50))
def test_order_names_and_the_scale_of_weights_do_not_matter(history, random, factor):
    cells, sample = history
    names = {"chat": "z", "code|review": "a|b", "unknown": "", "aurora": "x", "borealis": "m"}
    renamed = [
        frame.replace({"segment": names, "deployment_family": names}).sample(
            frac=1, random_state=random.randrange(1000)
        )
        for frame in history
    ]
    renamed[0] = renamed[0].assign(
        **{name: renamed[0][name] * factor for name in ("sum_d", "sum_do", "sum_dy")}
    )
    before, after = boosts_of(learned(cells, sample, BOOSTS)), boosts_of(learned(*renamed, BOOSTS))
    for (family, segment, bucket), boost in before.items():
        assert after[names[family], names[segment], bucket] == pytest.approx(boost)


@settings(max_examples=20)
@given(histories())
def test_families_do_not_take_from_each_other(history):
    alone = [frame[frame["deployment_family"] == "aurora"] for frame in history]
    both, one = boosts_of(learned(*history, BOOSTS)), boosts_of(learned(*alone, BOOSTS))
    assert one == pytest.approx({place: b for place, b in both.items() if place[0] == "aurora"})


def two_places(events, n=200, other=10):
    """Equal places but for the events of the first."""
    rows = [(name, y) for name, y in (("first", events), ("second", other))]
    cells = [("m", name, "cued", "caving", n, n, n, n, y) for name, y in rows]
    return frames(cells, [(DAY, "m", name, "cued", 0.5) for name, _ in rows for _ in range(n)])


def test_a_place_with_more_events_is_drawn_more_and_few_verdicts_say_little():
    table = [boosts_of(learned(*two_places(events), BOOSTS)) for events in (0, 10, 30, 60)]
    first = [row["m", "first", "cued"] / row["m", "second", "cued"] for row in table]
    assert first == sorted(first)
    assert first[1] == pytest.approx(1)
    # With p = .3 and .05 around theta = .175: the root of the mean squares of y - theta.
    square = [p * (1 - 2 * 0.1746) + 0.1746**2 for p in (0.3, 0.05)]
    assert first[3] == pytest.approx(math.sqrt(square[0] / square[1]), rel=0.1)
    few = boosts_of(learned(*two_places(3, n=20, other=0), BOOSTS))
    assert 1.0 < few["m", "first", "cued"] / few["m", "second", "cued"] < 1.5


def test_a_day_is_drawn_by_the_last_design_before_it():
    written = [DAY, DAY + timedelta(days=3)]
    assert day_in_force(written, DAY) is None
    assert day_in_force(written, DAY + timedelta(days=3)) == DAY
    assert day_in_force(written, DAY + timedelta(days=9)) == DAY + timedelta(days=3)


RUNS = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 11)), min_size=1, max_size=15)


@given(RUNS)
def test_a_day_run_again_finds_the_design_it_was_first_drawn_by(runs):
    """Days of any ranges, run in any order and again: each run writes what its verdicts say."""
    written, sampled, first_drawn_by = {}, set(), {}
    for number, (start, length) in enumerate(runs):
        days = range(start, start + length + 1)
        for day in days:
            found = day_in_force(written, day)
            design = found and (found, written[found])
            assert first_drawn_by.setdefault(day, design) == design
            assert found is None or found < day
            sampled.add(day)
        if may_be_written(sampled, days[-1]):
            written[days[-1]] = number


def test_a_design_is_stored_once_and_names_itself(tmp_path):
    lake, on = Lake(tmp_path), Sampling()
    assert design_of_day(lake, on, DAY) == NOTHING_LEARNED
    found = learned(*two_places(60), BOOSTS)
    write_design(lake, DAY, found)
    kept = lake.path(SAMPLING_DESIGN, DAY).read_bytes()
    write_design(lake, DAY, found.iloc[::-1])
    assert lake.path(SAMPLING_DESIGN, DAY).read_bytes() == kept
    design = design_of_day(lake, on, DAY + timedelta(days=1))
    assert design.boosts == boosts_of(found)
    assert design.version == version_of(DAY, boosts_of(found))
    assert design.version.startswith("2026-05-04-")
    assert design_of_day(lake, on, DAY) == NOTHING_LEARNED
    off = Sampling(learn_boosts=False)
    assert design_of_day(lake, off, DAY + timedelta(days=1)) == NOTHING_LEARNED
    write_design(lake, DAY, learned(*two_places(0), BOOSTS))
    assert design_of_day(lake, on, DAY + timedelta(days=1)).version != design.version


def test_a_design_stays_as_it_is_once_a_later_day_was_drawn(tmp_path):
    lake = Lake(tmp_path)
    lake.write(JUDGING_SAMPLE, DAY, JUDGING_SAMPLE.empty())
    assert is_open(lake, DAY)
    lake.write(JUDGING_SAMPLE, DAY + timedelta(days=5), JUDGING_SAMPLE.empty())
    assert not is_open(lake, DAY)
    assert is_open(lake, DAY + timedelta(days=5))


class World:
    """Traffic whose behaviour lives where the boosts of the settings do not expect it."""

    settings = Sampling(messages_per_day=60)

    def __init__(self):
        self.rng = np.random.default_rng(8)
        self.rates = {"coding": 0.02, "wellbeing": 0.35}
        self.offered = {"vulnerable": 0.9, "pushback": 0.8, "cued": 0.6, "plain": 0.3}
        self.shares = {"vulnerable": 0.03, "pushback": 0.12, "cued": 0.25, "plain": 0.6}

    def day(self, name, count=400):
        """A day's conversations of one to four messages."""
        length = self.rng.integers(1, 5, count)
        kinds = list(self.shares)
        draw = self.rng.choice(kinds, (count, 4), p=list(self.shares.values()))
        return [
            Candidate(
                f"{name}-{i}",
                "m",
                "m-1",
                ("coding", "wellbeing")[i % 4 == 0],
                f"u{i}",
                {2 * n + 1: str(draw[i, n]) for n in range(length[i])},
            )
            for i in range(count)
        ]

    def outcome(self, segment, bucket):
        offered = self.rng.random() < self.offered[bucket]
        return offered, offered and self.rng.random() < self.rates[segment]

    def past(self, days):
        """What was judged on so many days drawn by the boosts of the settings."""
        cells, sample = [], []
        for number in range(days):
            day = DAY + timedelta(days=number)
            for d in draw_sample(self.day(number), self.settings, calls=10_000, key="k"):
                bucket = d.candidate.buckets[d.message_index]
                p = d.conversation_probability * d.message_probability
                o, y = self.outcome(d.candidate.segment, bucket)
                place = "m", d.candidate.segment, bucket
                sample.append((day, *place, p))
                cells.append((*place, "caving", 1, int(o), 1 / p, o / p, y / p))
        cells, sample = frames(cells, sample)
        return cells.groupby([*PLACE, "behaviour"], as_index=False)[SUMS].sum(), sample


def design_variance(pool, residuals, boosts):
    """Exact variance of the total of residuals: one message of each conversation drawn."""
    weights = [candidate.weights(boosts, World.settings) for candidate in pool]
    variance = 0.0
    for candidate, given_, p in zip(
        pool, weights, conversation_rates(pool, weights, World.settings), strict=True
    ):
        e = np.array([residuals[candidate.conversation_id, i] for i in sorted(candidate.buckets)])
        variance += (e**2 / message_probabilities(given_, 1)).sum() / p - e.sum() ** 2
    return variance


def test_what_was_learned_makes_estimates_more_precise():
    world = World()
    boosts = boosts_of(learned(*world.past(28), BOOSTS))
    pool = world.day("today")
    found = {
        (c.conversation_id, i): world.outcome(c.segment, bucket)
        for c in pool
        for i, bucket in c.buckets.items()
    }
    theta = sum(y for _, y in found.values()) / sum(o for o, _ in found.values())
    residuals = {key: y - theta * o for key, (o, y) in found.items()}
    before, after = (design_variance(pool, residuals, b) for b in ({}, boosts))
    flat = design_variance(pool, residuals, dict.fromkeys(boosts, 1.0))
    print(f"variance, learned / set: {after / before:.3f}; learned / equal: {after / flat:.3f}")
    assert after < 0.85 * before
    assert after < 0.85 * flat
    # The formula is the truth of the draw: totals over keys scatter as much as it says.
    totals = [
        sum(
            residuals[d.candidate.conversation_id, d.message_index]
            / (d.conversation_probability * d.message_probability)
            for d in draw_sample(pool, World.settings, calls=10_000, key=str(key), boosts=boosts)
        )
        for key in range(400)
    ]
    assert np.var(totals) / after == pytest.approx(1, abs=0.3)
