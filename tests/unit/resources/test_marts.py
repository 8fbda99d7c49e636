"""What is read in part is what the whole holds, at any instant and in either layout."""

import threading
from datetime import date, timedelta
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignment_monitor.contracts import (
    BY_MONTH,
    DEPLOYMENTS,
    ESTIMATES,
    JUDGED_MESSAGES,
    MARTS,
    TRANSCRIPTS,
)
from alignment_monitor.resources import marts as module
from alignment_monitor.resources.marts import Marts
from alignment_monitor.resources.parts import several_of

FIRST = date(2026, 1, 20)
DAYS = 50
QUESTIONS, SEGMENTS = ("caving", "coldness", "praise"), ("all", "api", "voice")
LISTED = {"behaviour": QUESTIONS, "segment": SEGMENTS, "deployment": ("all", "a-1", "a-2")}


def estimate(day, behaviour, segment, deployment, window, n=1):
    missing = n % 3 == 0
    return {
        "day": day, "deployment_family": "a", "deployment": deployment, "segment": segment,
        "behaviour": behaviour, "mode": "judge scale", "window_days": window,
        "standardised": False, "rubric_version": "r1", "panel": "p", "version": 1, "n": n,
        "judged": 3, "users": 2, "prevalence": None if missing else n / 100,
        "reason": "too few" if missing else None, "method": "m",
    }  # fmt: skip


def rows(days):
    return [
        estimate(FIRST + timedelta(days=number), behaviour, segment, deployment, window, number)
        for number in days
        for behaviour in QUESTIONS
        for segment in SEGMENTS
        for deployment in LISTED["deployment"]
        for window in (1, 7)
    ]


@cache
def whole() -> pa.Table:
    return ESTIMATES.table(rows(range(DAYS)))


def put(home: Marts, table: pa.Table, changed=None) -> None:
    days = sorted(set(table["day"].to_pylist()))
    home.replace_days(
        ESTIMATES,
        days if changed is None else changed,
        days,
        lambda some: table.filter(pc.field("day").isin(some)),
    )


@pytest.fixture(scope="module")
def layouts(tmp_path_factory) -> list[Marts]:
    """The same rows by month, in row groups of a few rows, and in the one file of before."""
    folder = tmp_path_factory.mktemp("layouts")
    by_month, before = Marts(folder / "month"), Marts(folder / "before")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROW_GROUP", 16)
        put(by_month, whole())
    before.folder.mkdir()
    pq.write_table(whole(), before.whole("estimates"), row_group_size=50)
    return [by_month, before]


def kept(table: pa.Table, first, last, values) -> list[dict]:
    """The plain way: every row is looked at."""
    return [
        row
        for row in table.to_pylist()
        if (first is None or row["day"] >= first)
        and (last is None or row["day"] <= last)
        and all(row[column] in several_of(value) for column, value in values.items())
    ]


days = st.one_of(st.none(), st.integers(-3, DAYS + 3).map(lambda n: FIRST + timedelta(days=n)))
one_of = {
    **{name: st.sampled_from([*known, "other"]) for name, known in LISTED.items()},
    "window_days": st.sampled_from([1, 7, 28]),
    "standardised": st.booleans(),
    "reason": st.sampled_from([None, "too few"]),
    "day": st.integers(0, DAYS).map(lambda n: FIRST + timedelta(days=n)),
}
filters = st.fixed_dictionaries(
    {}, optional={n: st.one_of(s, st.lists(s, max_size=3)) for n, s in one_of.items()}
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.differing_executors])
@given(first=days, last=days, values=filters, offset=st.integers(0, 5), limit=st.integers(0, 40))
def test_rows_read_in_part_are_those_of_the_whole_filtered(
    layouts, first, last, values, offset, limit
):
    expected = kept(whole(), first, last, values)
    order = [("window_days", "descending"), ("n", "ascending")]
    ordered = sorted(expected, key=lambda row: (-row["window_days"], row["n"]))
    for home in layouts:
        found = home.select("estimates", first=first, last=last, **values)
        assert found.to_pylist() == expected
        part = home.select(
            "estimates", columns=["n", "reason"], first=first, last=last, order=order,
            limit=limit, offset=offset, **values,
        )  # fmt: skip
        assert part.column_names == ["n", "reason"]
        cut = ordered[offset : offset + limit]
        assert part["n"].to_pylist() == [row["n"] for row in cut]
        seen = [row["day"] for row in kept(whole(), None, None, values)]
        assert home.span("estimates", **values) == ((min(seen), max(seen)) if seen else None)


def test_few_row_groups_are_opened_for_one_series(layouts):
    from alignment_monitor.resources.parts import opened

    part = opened(layouts[0].files("estimates")[0])
    wanted = {"segment": "api", "deployment": "a-1", "behaviour": "caving", "window_days": 7}
    some = part.matching(None, None, wanted)
    assert 0 < len(some.row_groups) <= 3 < part.fragment.metadata.num_row_groups
    assert part.matching(None, None, {"segment": "nowhere"}) is None


def test_what_is_not_there_is_empty_and_what_cannot_be_is_refused(tmp_path):
    home = Marts(tmp_path)
    for name in MARTS:
        assert home.select(name).schema.equals(MARTS[name].schema)
        assert not home.has(name)
        assert home.span(name) is None if "day" in MARTS[name].schema.names else True
    assert home.of_day(TRANSCRIPTS, FIRST).num_rows == 0
    with pytest.raises(KeyError):
        home.select("estimates", columns=["no such"])
    with pytest.raises(KeyError):
        home.select("estimates", colour="red")
    pq.write_table(pa.table({"deployment": ["a"]}), home.whole("deployments"))
    with pytest.raises(ValueError, match="missing column"):
        home.select("deployments")


def test_a_file_of_an_older_version_lacks_what_may_be_missing(tmp_path):
    home, optional = Marts(tmp_path), "reason"
    old = whole().slice(0, 10).drop_columns([optional, "labels"])
    pq.write_table(old, home.whole("estimates"))
    assert home.select("estimates")[optional].null_count == 10
    assert home.select("estimates", reason=None).num_rows == 10
    assert home.select("estimates", reason="too few").num_rows == 0


def test_a_new_day_rewrites_its_month_and_no_other(tmp_path):
    home = Marts(tmp_path)
    put(home, whole())
    before = {path: path.stat().st_mtime_ns for path in home.files("estimates")}
    assert [path.name[6:13] for path in before] == ["2026-01", "2026-02", "2026-03"]
    more = ESTIMATES.table(rows(range(DAYS + 1)))
    asked = []

    def rows_of(some):
        asked.extend(some)
        return more.filter(pc.field("day").isin(some))

    newest = FIRST + timedelta(days=DAYS)
    home.replace_days(ESTIMATES, [newest], sorted(set(more["day"].to_pylist())), rows_of)
    files = home.files("estimates")
    changed = [path.name for path in files if path.stat().st_mtime_ns != before[path]]
    assert changed == ["month=2026-03.parquet"]
    assert min(asked) == date(2026, 3, 1)
    assert home.select("estimates").equals(more)


def test_the_next_run_moves_a_home_to_months_by_itself(tmp_path):
    home = Marts(tmp_path)
    pq.write_table(whole(), home.whole("estimates"))
    more = ESTIMATES.table(rows(range(DAYS + 1)))
    seen = []

    def rows_of(some):
        seen.append(home.select("estimates").num_rows)
        return more.filter(pc.field("day").isin(some))

    every = sorted(set(more["day"].to_pylist()))
    home.replace_days(ESTIMATES, every[-1:], every, rows_of)
    assert seen == [whole().num_rows] * 3, "readers have the whole of before until the end"
    assert not home.whole("estimates").exists()
    assert home.select("estimates").equals(more)


def test_a_run_that_was_cut_off_is_made_good_by_the_next(tmp_path):
    home = Marts(tmp_path)
    pq.write_table(whole(), home.whole("estimates"))

    def cut_off(some):
        if some[0].month == 3:
            raise RuntimeError("killed")
        return whole().filter(pc.field("day").isin(some))

    every = sorted(set(whole()["day"].to_pylist()))
    with pytest.raises(RuntimeError):
        home.replace_days(ESTIMATES, every, every, cut_off)
    assert home.select("estimates").equals(whole())
    put(home, whole(), changed=[])
    assert home.files("estimates")[0].parent.name == "estimates"
    assert home.select("estimates").equals(whole())


def test_a_reader_sees_the_old_day_or_the_new_one_and_nothing_between(tmp_path):
    home, day = Marts(tmp_path), date(2026, 2, 3)
    states = [
        ESTIMATES.table([estimate(day, f"q{q}", "all", "all", 7, n) for q in range(size)])
        for n, size in ((1, 400), (2, 900))
    ]
    home.replace_month(ESTIMATES, day, states[0])
    end, torn, reads = threading.Event(), [], [0]

    def read() -> None:
        while not end.is_set():
            found = Marts(tmp_path).select("estimates", columns=["behaviour", "n"], segment="all")
            kinds = set(found["n"].to_pylist())
            if (found.num_rows, kinds) not in ((400, {1}), (900, {2})):
                torn.append((found.num_rows, kinds))
            reads[0] += 1

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(40):
        home.replace_month(ESTIMATES, day, states[turn % 2])
    end.set()
    for reader in readers:
        reader.join()
    assert not torn
    assert reads[0] > 10
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_mart_that_goes_while_it_is_read_is_read_from_its_months(tmp_path, monkeypatch):
    home = Marts(tmp_path)
    pq.write_table(whole(), home.whole("estimates"))
    put(Marts(tmp_path / "new"), whole())
    listed = home.files

    def late(name, *ends):
        found = listed(name, *ends)
        if found == [home.whole(name)]:
            (tmp_path / "new" / name).rename(tmp_path / name)
            home.retire(name)
        return found

    monkeypatch.setattr(home, "files", late)
    assert home.select("estimates").equals(whole())


def test_orders_of_months_name_columns_of_their_contracts():
    for name, order in BY_MONTH.items():
        assert set(order) >= set(MARTS[name].key)
    assert BY_MONTH[JUDGED_MESSAGES.name] == JUDGED_MESSAGES.key
    assert DEPLOYMENTS.name not in BY_MONTH
