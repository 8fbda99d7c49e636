"""What pages leave out changes nothing of what they say, and what they keep has a limit."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random

import pyarrow as pa

from alignment_monitor.contracts import JUDGE_QUALITY
from tests.dashboard.sample_marts import FAMILY, Sample

DAY = date(2026, 1, 1)


def test_facts_rest_on_the_rows_that_are_kept(tmp_path, use_home):
    import marts
    import normal
    import verdict
    from facts import Facts, telling

    use_home(tmp_path, Sample(talks_per_day=1, reset="substance"))
    whole = marts.select("drift_signals", deployment_family=FAMILY)
    some = telling(whole)
    assert some.num_rows < 0.7 * whole.num_rows
    told = []
    for signals in (whole, some):
        rows = signals.to_pylist()
        alerts = marts.rows("alerts")
        facts = Facts(
            FAMILY, "Sycophancy", marts.rubric().headline, rows, alerts, marts.deployments(FAMILY),
            {}, datetime.now(UTC), marts.rubric().title_of, marts.rows("baseline_resets"),
        )  # fmt: skip
        names = marts.rubric().monitored
        told.append(
            (
                verdict.judge(facts),
                [normal.learnt(name, facts) for name in names],
                [normal.mean(name, facts) for name in names],
            )
        )
    assert told[0] == told[1]


def quality_row(number: int, version: int, measure: str, question: str, n: int) -> dict:
    return {
        "day": DAY + timedelta(days=number), "judge": "j",
        "fingerprint": f"m/{version}", "rubric_version": "r",
        "known_version": "k", "measure": measure, "question": question, "n": n, "hits": n // 2,
    }  # fmt: skip


def test_a_judges_page_rests_on_the_rows_that_are_kept():
    import record

    random, days = Random(3), 120
    rows = [
        quality_row(number, number // 50, measure, question, random.randrange(9))
        for number in range(days)
        for measure in ("sensitivity", "specificity", "injection")
        for question in ("caving", "praise", "other")
    ]
    last = DAY + timedelta(days=days - 1)
    some = record.telling(JUDGE_QUALITY.table(rows), ["caving"], last).to_pylist()
    assert len(some) < 0.6 * len(rows)
    assert record.eras(some) == record.eras(rows)
    now = record.current(record.eras(rows))
    assert record.pooled(record.within(some, now, last)) == record.pooled(
        record.within(rows, now, last)
    )
    eras = record.eras(rows)
    assert record.rolling(some, eras, "caving") == record.rolling(rows, eras, "caving")


def test_running_totals_are_sums_of_windows():
    import record

    random = Random(4)
    rows = [
        quality_row(number, number // 30, measure, "caving", random.randrange(9))
        for number in range(70)
        if random.random() < 0.8
        for measure in ("sensitivity", "specificity")
    ]
    eras = record.eras(rows)
    for point in record.rolling(rows, eras, "caving", 14):
        version = eras[point.era].version
        window = [
            row for row in rows
            if record.version_of(row) == version and 0 <= (point.day - row["day"]).days < 14
        ]  # fmt: skip
        for score, measure in ((point.found, "sensitivity"), (point.passed, "specificity")):
            of = [row for row in window if row["measure"] == measure]
            assert (score.n, score.hits) == (sum(r["n"] for r in of), sum(r["hits"] for r in of))


def test_long_series_have_a_point_a_week_and_each_part_its_last():
    from thinning import MOST_DAYS, thinned

    def part(point):
        return point[1]

    short = [(DAY + timedelta(days=n), 0) for n in range(MOST_DAYS)]
    assert thinned(short, lambda point: point[0], part) == short
    long = [(DAY + timedelta(days=n), int(n >= 400) + int(n >= 403)) for n in range(730)]
    found = thinned(long, lambda point: point[0], part)
    assert found[-1] == long[-1]
    assert {part(point) for point in found} == {0, 1, 2}
    assert len(found) <= 730 // 7 + 4
    assert max((b[0] - a[0]).days for a, b in pairwise(found)) <= 7


def test_what_is_kept_has_a_limit_and_the_least_lately_used_goes():
    from kept import Kept

    kept, asked = Kept(10_000), []

    def table(name: str, rows: int):
        def read() -> pa.Table:
            asked.append(name)
            return pa.table({"n": pa.array(range(rows + 900), pa.int64())}).slice(900)

        return kept.get(name, read)

    assert table("a", 250)["n"].to_pylist()[0] == 900
    for name in "bcd":
        table(name, 250)
    table("a", 250)
    assert asked == ["a", "b", "c", "d"], "a was read once"
    table("e", 300)
    assert kept.size <= 10_000
    table("a", 250)
    assert asked[-1] == "e", "a was used lately and stayed"
    table("b", 250)
    assert asked[-1] == "b", "b had to go"
    table("huge", 5_000)
    table("huge", 5_000)
    assert asked[-2:] == ["huge", "huge"], "it would have driven out all others"
