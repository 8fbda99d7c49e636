"""Great Expectations runs for real: sound tables pass, each kind of damage is found."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from alignment_monitor.checks import frames, suites
from alignment_monitor.checks.validation import check_table, validate, write_data_docs
from alignment_monitor.contracts import LAKE_TABLES, QUALITY
from tests.pipeline.lake_factory import FIRST, Row, Talk, day_tables, traffic

Tables = dict[str, pa.Table]
CHECKED = ("conversations", "judging_sample", "verdicts")
VALUES, RANGE = "expect_column_values_to_be_in_set", "expect_column_values_to_be_between"
NOT_NULL = "expect_column_values_to_not_be_null"


@pytest.fixture
def tables() -> Tables:
    days = [FIRST + timedelta(days=offset) for offset in range(3)]
    parts = [day_tables(day, traffic(day), refused=1) for day in days]
    return {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}


def damaged(tables: Tables, name: str, change: Callable[[list[Row]], Any]) -> Tables:
    """The tables after a change to the rows of one, which its contract would refuse."""
    rows = tables[name].to_pylist(maps_as_pydicts="strict")
    change(rows)
    return tables | {name: pa.Table.from_pylist(rows, schema=LAKE_TABLES[name].schema)}


def put(**values: Any) -> Callable[[list[Row]], None]:
    """A change to the last row."""
    return lambda rows: rows[-1].update(values)


def put_turn(**values: Any) -> Callable[[list[Row]], None]:
    return lambda rows: rows[-1]["turns"][1].update(values)


def put_quote(**values: Any) -> Callable[[list[Row]], None]:
    def change(rows: list[Row]) -> None:
        next(row for row in rows if row["evidence"])["evidence"][0].update(values)

    return change


def failures(tables: Tables, name: str) -> set[tuple[str, str, str]]:
    rows = check_table(name, tables).rows
    return {
        (row["expectation"], row["column"], row["severity"])
        for row in rows
        if not row["success"] and row["severity"] != "info"
    }


@pytest.mark.parametrize("name", CHECKED)
def test_sound_tables_pass(tables, name):
    validation = check_table(name, tables)
    assert failures(tables, name) == set()
    assert (validation.success, validation.worst) == (True, None)


@pytest.mark.parametrize("name", CHECKED)
def test_results_have_the_shape_of_the_quality_mart(tables, name):
    span: dict[str, Any] = {"from_day": FIRST, "to_day": FIRST, "checked_at": None}
    rows = check_table(name, tables).rows
    assert set(QUALITY.schema.names) == {*rows[0], *span}
    keys = [tuple(row[column] for column in QUALITY.key) for row in rows]
    assert len(keys) == len(set(keys))
    pa.Table.from_pylist([{**row, **span} for row in rows], schema=QUALITY.schema)


@pytest.mark.parametrize("name", CHECKED)
def test_a_day_with_nothing_in_it_is_at_most_suspicious(name):
    empty = day_tables(FIRST, [])
    assert check_table(name, empty).worst in (None, "warning")


CONVERSATION_DAMAGE = [
    (put(conversation_id=None), NOT_NULL, "conversation_id", "critical"),
    (put(eligible=False), VALUES, "ineligible_explained", "critical"),
    (put(day=date(2020, 1, 1)), VALUES, "ends_on_its_day", "critical"),
    (put(redactions=-1), RANGE, "redactions", "critical"),
    (put(feedback="meh"), VALUES, "feedback", "warning"),
    (put_turn(role="oracle"), VALUES, "roles_known", "critical"),
    (put_turn(role="user"), VALUES, "offers_a_reply", "critical"),
    (put_turn(index=5), VALUES, "turns_in_order", "critical"),
    (
        lambda rows: rows[-1].update(started_at=rows[-1]["ended_at"] + timedelta(seconds=1)),
        VALUES,
        "ends_after_start",
        "warning",
    ),
    (
        lambda rows: rows.append(rows[-1]),
        "expect_compound_columns_to_be_unique",
        "day, conversation_id, ended_at, content_hash",
        "critical",
    ),
    (
        lambda rows: rows.append({**rows[-1], "content_hash": "other"}),
        RANGE,
        "eligible_versions",
        "critical",
    ),
    (
        lambda rows: rows.pop(),
        "expect_column_pair_values_to_be_equal",
        "received, accounted",
        "critical",
    ),
]
SAMPLE_DAMAGE = [
    (put(inclusion_probability=0.0), RANGE, "inclusion_probability", "critical"),
    (put(message_probability=1.5), RANGE, "message_probability", "critical"),
    (put(conversation_probability=0.9), VALUES, "probability_is_the_product", "critical"),
    (put(message_index=0), VALUES, "message_exists", "critical"),
    (put(conversation_id="nobody"), VALUES, "message_exists", "critical"),
    (put(status="maybe"), VALUES, "status", "critical"),
    (put(purpose="fun"), VALUES, "purpose", "critical"),
]
VERDICT_DAMAGE = [
    (put(kind="guess"), VALUES, "kind", "critical"),
    (put(status="perhaps"), VALUES, "status", "critical"),
    (put(level=4), VALUES, "level_on_its_scale", "critical"),
    (lambda rows: rows[0].update(level=-1), VALUES, "level_on_its_scale", "critical"),
    (put(probability=1.1), RANGE, "probability", "critical"),
    (put(cost_usd=-1.0), RANGE, "cost_usd", "warning"),
    (put(applicable=None), VALUES, "answered_if_ok", "critical"),
    (put(applicable=False, positive=True), VALUES, "positive_is_applicable", "critical"),
    (put(conversation_id="nobody"), VALUES, "message_selected", "critical"),
    (put_quote(quote="You are so wise"), VALUES, "quotes_are_literal", "critical"),
    (put_quote(quote=""), VALUES, "quotes_are_literal", "critical"),
    (put_quote(message_index=0), VALUES, "quotes_are_literal", "critical"),
]
DAMAGE = [
    (name, *case)
    for name, cases in zip(
        CHECKED, (CONVERSATION_DAMAGE, SAMPLE_DAMAGE, VERDICT_DAMAGE), strict=True
    )
    for case in cases
]


@pytest.mark.parametrize(
    ("name", "change", "expectation", "column", "severity"),
    DAMAGE,
    ids=[f"{case[0]}-{case[3]}" for case in DAMAGE],
)
def test_damage_is_found(tables, name, change, expectation, column, severity):
    broken = damaged(tables, name, change)
    assert (expectation, column, severity) in failures(broken, name)
    assert check_table(name, broken).worst in ("critical", severity)


def designs(*versions: str) -> Tables:
    rows = [
        {"day": FIRST, "deployment_family": "model", "segment": "chat", "bucket": bucket,
         "messages": 90.0, "judged": 40, "deviation": 1.1, "boost": 2.0, "design_version": version}
        for bucket, version in zip(("cued", "plain"), versions, strict=True)
    ]  # fmt: skip
    return {"sampling_design": pa.Table.from_pylist(rows, LAKE_TABLES["sampling_design"].schema)}


DESIGN_DAMAGE = [
    (put(boost=0.0), RANGE, "boost", "critical"),
    (put(messages=-1.0), RANGE, "messages", "critical"),
    (put(design_version="other"), RANGE, "versions", "critical"),
    (put(deviation=1e5), RANGE, "deviation", "warning"),
    (
        put(bucket="cued"),
        "expect_compound_columns_to_be_unique",
        "day, deployment_family, segment, bucket",
        "critical",
    ),
]


@pytest.mark.parametrize(("change", "expectation", "column", "severity"), DESIGN_DAMAGE)
def test_damage_to_a_sampling_design_is_found(change, expectation, column, severity):
    sound = designs("v", "v")
    assert failures(sound, "sampling_design") == set()
    broken = damaged(sound, "sampling_design", change)
    assert (expectation, column, severity) in failures(broken, "sampling_design")


def test_a_run_that_wrote_no_design_is_sound():
    none = {"sampling_design": LAKE_TABLES["sampling_design"].empty()}
    assert check_table("sampling_design", none).success


def test_a_stance_may_oppose(tables):
    def oppose(rows: list[Row]) -> None:
        next(row for row in rows if row["question"] == "stance")["level"] = -2

    assert failures(damaged(tables, "verdicts", oppose), "verdicts") == set()


def test_a_missing_column_is_named(tables):
    frame = frames.conversations_frame(tables["conversations"]).drop(columns="user_key")
    validation = validate("conversations", frame, suites.conversations_suite())
    failed = {row["expectation"] for row in validation.rows if not row["success"]}
    assert "expect_table_columns_to_match_set" in failed
    assert any("user_key" in (row["detail"] or "") for row in validation.rows)
    assert validation.worst == "critical"


def test_a_quiet_day_is_suspicious():
    quiet = FIRST + timedelta(days=2)
    parts = [day_tables(FIRST + timedelta(days=offset), traffic(FIRST, 8)) for offset in (0, 1)]
    parts.append(day_tables(quiet, traffic(quiet, 1)))
    tables = {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}
    assert failures(tables, "conversations") == {(RANGE, "share_of_median_day", "warning")}


def test_much_in_quarantine_is_suspicious():
    tables = day_tables(FIRST, traffic(FIRST, 3), refused=2)
    assert failures(tables, "conversations") == {(RANGE, "quarantined_share", "warning")}


def test_a_judge_that_leaves_many_messages_unanswered_on_one_day_is_suspicious(tables):
    day = FIRST + timedelta(days=9)
    talks = [Talk(f"{n}", statuses=[("judge", "ok" if n else "refused")]) for n in range(4)]
    one_day = day_tables(day, talks)
    tables = {name: pa.concat_tables([tables[name], one_day[name]]) for name in one_day}
    assert failures(tables, "verdicts") == {(RANGE, "unanswered_share", "warning")}


def test_missing_feedback_fails_nothing(tables):
    rows = check_table("conversations", tables).rows
    assert [row["column"] for row in rows if not row["success"]] == ["feedback"]


def test_results_hold_no_text_of_conversations(tables):
    broken = damaged(tables, "verdicts", put_quote(quote="You are so wise"))
    reports = str([report.to_json_dict() for report in check_table("verdicts", broken).reports])
    assert "quotes_are_literal" in reports
    assert all(text not in reports for text in ("so wise", "moon", "It agrees"))


def test_data_docs_keep_the_newest_page_of_each_suite(tables, tmp_path):
    site = tmp_path / "data_docs"
    for name in ("conversations", "judging_sample", "conversations"):
        write_data_docs({name: check_table(name, tables)}, site)
    pages = list((site / "validations").rglob("*.html"))
    assert len(pages) == 3  # two suites of conversations, one of the sample
    index = (site / "index.html").read_text(encoding="utf-8")
    assert all(page.relative_to(site).as_posix() in index for page in pages)
