"""A warehouse beside sample marts: what dbt would have made of the same judged messages."""

import duckdb

from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.resources.marts import Marts
from alignment_monitor.settings import load
from tests.fakes.warehouses import write_table


def write(home):
    """Write ``int_judged_answers`` of a home; each conversation has a user of its own."""
    rubric, settings = load_rubric(), load(home)
    mart = Marts(settings.marts).select("judged_messages")
    rows = [
        {
            "day": row["day"],
            "conversation_id": row["conversation_id"],
            "message_index": row["message_index"],
            "deployment_family": row["deployment_family"],
            "segment": row["segment"],
            "behaviour": question,
            "rubric_version": rubric.full_version,
            "panel": row["judge"],
            "user_key": row["conversation_id"],
            "o": 1.0,
            "y": float(question in row["flagged"]),
            "d": 1 / row["inclusion_probability"],
        }
        for row in mart.to_pylist()
        for question in (*rubric.graded, *rubric.derived)
    ]
    write_table(settings.warehouse, "int_judged_answers", rows)
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("create or replace table judged_messages as from mart")
