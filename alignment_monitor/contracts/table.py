"""What a contract is, and the nested types that several share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd

TIMESTAMP = pa.timestamp("us", tz="UTC")
TURN = pa.struct(
    [
        ("index", pa.int32()),
        ("role", pa.string()),
        ("content", pa.string()),
        ("created_at", TIMESTAMP),
    ]
)
EVIDENCE = pa.struct([("message_index", pa.int32()), ("quote", pa.string())])
SEGMENTS = pa.map_(pa.string(), pa.string())


@dataclass(frozen=True)
class Table:
    """A table's contract.

    Attributes:
        name: folder of the lake, and name of the dbt source or mart.
        grain: what one row is.
        key: columns that identify a row.
        schema: Arrow schema; a field that may be missing is nullable, all others are not.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    schema: pa.Schema

    def table(self, rows: list[dict[str, Any]]) -> pa.Table:
        """Make an Arrow table of this contract from plain rows, sorted by its key.

        Raises:
            ValueError: a row lacks a required value, or has a column the contract lacks.
        """
        known = set(self.schema.names)
        for row in rows:
            if unknown := row.keys() - known:
                raise ValueError(f"{self.name}: no such column {sorted(unknown)}")
        return self.conform(pa.Table.from_pylist(rows, schema=self.schema))

    def from_frame(self, frame: "pd.DataFrame") -> pa.Table:
        """Make an Arrow table of this contract from a data frame, whose NaN and NaT mean missing.

        A column without any value has lost its type in pandas; here the contract gives it back.

        Raises:
            ValueError: as ``table``.
        """
        columns = [
            _array(frame[field.name], field.type) for field in self.schema if field.name in frame
        ]
        names = [name for name in self.schema.names if name in frame]
        return self.conform(pa.table(dict(zip(names, columns, strict=True))))

    def conform(self, table: pa.Table) -> pa.Table:
        """Cast to the contract's columns and types and sort by key, so that files are identical.

        Raises:
            ValueError: a column is missing, or a required value is null.
        """
        if missing := [name for name in self.schema.names if name not in table.column_names]:
            raise ValueError(f"{self.name}: missing column {missing}")
        for field in self.schema:
            if not field.nullable and table.column(field.name).null_count:
                raise ValueError(f"{self.name}.{field.name}: null where the contract forbids it")
        table = table.select(self.schema.names).cast(self.schema)
        if table.num_rows > 1:
            table = table.sort_by([(name, "ascending") for name in self.key])
        return table.combine_chunks()

    def completed(self, table: pa.Table) -> pa.Table:
        """The table with columns that it is too old to have, as far as they may be missing."""
        for field in self.schema:
            if field.nullable and field.name not in table.column_names:
                table = table.append_column(field, pa.nulls(table.num_rows, field.type))
        return table

    def empty(self) -> pa.Table:
        """The table without rows: what a day with nothing in it writes."""
        return self.schema.empty_table()


def _array(values: "pd.Series", kind: pa.DataType) -> pa.Array:
    """A column of a data frame; the short ways give what the last one gives, only sooner."""
    if values.dtype.kind == "f" and pa.types.is_floating(kind):
        return pa.array(values.to_numpy(), type=kind, from_pandas=True)
    if values.dtype.kind == "i" and pa.types.is_integer(kind):
        return pa.array(values.to_numpy(), type=kind)
    if values.dtype.name == "category":
        codes = pa.array(values.cat.codes.to_numpy(), mask=values.isna().to_numpy())
        names = pa.array(list(values.cat.categories), type=kind)
        return pa.DictionaryArray.from_arrays(codes, names).cast(kind)
    return pa.array(values.astype(object), type=kind, from_pandas=True)


def column(name: str, kind: pa.DataType, meaning: str, *, optional: bool = False) -> pa.Field:
    """A column with its meaning; nullable only where a value may rightly be missing."""
    return pa.field(name, kind, nullable=optional, metadata={"description": meaning})


def columns(*fields: pa.Field) -> pa.Schema:
    """The columns of a table, in order."""
    return pa.schema(fields)
