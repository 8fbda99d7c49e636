from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_monitor.contracts import DRIFT_SIGNALS, ESTIMATES, INTAKE, LAKE_TABLES
from alignment_monitor.resources.lake import Lake

DAY = date(2026, 1, 2)


def rows(*sources):
    return INTAKE.table(
        [{"day": DAY, "source": name, "received": 1, "repeated": 0} for name in sources]
    )


def test_equal_rows_give_equal_bytes_whatever_their_order(tmp_path):
    lake = Lake(tmp_path)
    lake.write(INTAKE, DAY, rows("a", "b"))
    first = lake.path(INTAKE, DAY).read_bytes()
    lake.write(INTAKE, DAY, rows("b", "a"))
    assert lake.path(INTAKE, DAY).read_bytes() == first
    assert [p.name for p in lake.path(INTAKE, DAY).parent.iterdir()] == ["part.parquet"]


def test_an_empty_day_is_written_and_an_absent_one_reads_as_empty(tmp_path):
    lake = Lake(tmp_path)
    lake.write(INTAKE, DAY, INTAKE.empty())
    assert lake.has(INTAKE, DAY)
    assert lake.read(INTAKE, [DAY, date(2026, 1, 3)]).num_rows == 0
    assert lake.days(INTAKE) == [DAY]
    assert lake.freshness().to_pylist()[0]["rows"] == 0


@pytest.mark.parametrize("table", LAKE_TABLES.values(), ids=LAKE_TABLES)
def test_every_contract_describes_its_columns_and_its_key(table):
    assert set(table.key) <= set(table.schema.names)
    assert all(field.metadata[b"description"] for field in table.schema)
    assert table.empty().schema == table.schema


def test_a_column_without_values_keeps_the_type_of_its_contract():
    import pandas as pd

    texts = ("series", "deployment_family", "behaviour", "direction", "type", "phase", "decision")
    known = dict.fromkeys(texts, "x") | {"day": DAY, "n": 0, "version": 1}
    row = dict.fromkeys(DRIFT_SIGNALS.schema.names, float("nan")) | known
    row = DRIFT_SIGNALS.from_frame(pd.DataFrame([row])).to_pylist()[0]
    assert row["change_day"] is None
    assert row["z"] is None
    assert row["day"] == DAY


def test_a_contract_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="intake: no such column"):
        INTAKE.table([{"surprise": 1}])
    with pytest.raises(ValueError, match=r"intake\.source: null"):
        INTAKE.table([{"day": DAY, "source": None, "received": 1, "repeated": 0}])
    with pytest.raises(ValueError, match="missing column"):
        INTAKE.conform(pa.table({"day": pa.array([DAY])}))


def test_a_file_from_before_a_column_was_there_is_read_without_it(tmp_path):
    lake, day = Lake(tmp_path), date(2026, 1, 5)
    known = {field.name: field for field in ESTIMATES.schema if not field.nullable}
    example = {"date32[day]": day, "string": "x", "bool": False}
    row = {name: example.get(str(field.type), 1) for name, field in known.items()}
    path = lake.path(ESTIMATES, day)
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([row], schema=pa.schema(list(known.values()))), path)
    [found] = lake.read(ESTIMATES, [day]).to_pylist()
    assert found == {**dict.fromkeys(ESTIMATES.schema.names), **row}
