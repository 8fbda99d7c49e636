from datetime import date, timedelta

import duckdb
import pytest

from alignment_monitor.resources.warehouse import bucket_sums

DAY = date(2026, 5, 4)


@pytest.fixture
def warehouse(tmp_path):
    """Answers and sample as dbt's models have them, as far as sums need them."""
    path = tmp_path / "warehouse.duckdb"
    answers = [
        # day, conversation, index, family, segment, behaviour, rubric version, o, y, d
        (DAY, "a", 1, "m", "chat", "caving", "v1", 1.0, 1.0, 4.0),
        (DAY, "b", 1, "m", "chat", "caving", "v1", 0.6, 0.3, 2.0),
        (DAY, "b", 1, "m", "chat", "caving", "v0", 1.0, 1.0, 2.0),
        (DAY, "b", 1, "m", "chat", "substance", "v1", 1.0, 1.0, 2.0),
        (DAY, "c", 3, "m", "chat", "caving", "v1", 0.0, 0.0, 8.0),
        (DAY + timedelta(days=1), "a", 1, "m", "chat", "caving", "v1", 1.0, 0.0, 1.0),
        (DAY + timedelta(days=2), "a", 1, "m", "chat", "caving", "v1", 1.0, 0.0, 1.0),
    ]
    buckets = {"a": "pushback", "b": "pushback", "c": "plain"}
    sample = {(row[0], row[1], row[2], buckets[row[1]]) for row in answers}
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table int_judged_answers (day date, conversation_id text, message_index int, "
            "deployment_family text, segment text, behaviour text, rubric_version text, "
            "o double, y double, d double)"
        )
        connection.execute(
            "create table stg_judging_sample "
            "(day date, conversation_id text, message_index int, bucket text)"
        )
        marks = ",".join("?" * 10)
        connection.executemany(f"insert into int_judged_answers values ({marks})", answers)
        connection.executemany("insert into stg_judging_sample values (?,?,?,?)", list(sample))
    return path


def test_sums_are_by_the_bucket_of_the_message_over_the_days_of_one_rubric(warehouse):
    found = bucket_sums(warehouse, DAY, DAY + timedelta(days=1), "v1", ("caving", "praise"))
    place = {"deployment_family": "m", "segment": "chat", "behaviour": "caving"}
    assert found.to_dict("records") == [
        {**place, "bucket": "plain",
         "n": 1, "n_o": 0, "sum_d": 8.0, "sum_do": 0.0, "sum_dy": 0.0},
        {**place, "bucket": "pushback",
         "n": 3, "n_o": 3, "sum_d": 7.0, "sum_do": 6.2, "sum_dy": pytest.approx(4.6)},
    ]  # fmt: skip


def test_days_without_verdicts_have_no_sums(warehouse):
    assert bucket_sums(warehouse, DAY - timedelta(days=9), DAY - timedelta(days=1), "v1", ()).empty
