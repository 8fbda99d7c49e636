from datetime import timedelta

import pyarrow as pa
import pytest

from alignment_monitor.checks import frames
from alignment_monitor.contracts import CONVERSATIONS, VERDICTS
from tests.pipeline.lake_factory import FIRST, Talk, day_tables


def quoting(quote: str, text: str) -> bool:
    """Whether a quote passes as literal in a message of that text."""
    tables = day_tables(FIRST, [Talk("c")])
    conversation = tables["conversations"].to_pylist(maps_as_pydicts="strict")
    conversation[0]["turns"][1]["content"] = text
    verdicts = tables["verdicts"].to_pylist()
    quoted = next(row for row in verdicts if row["evidence"])
    quoted["evidence"][0]["quote"] = quote
    frame = frames.verdicts_frame(
        VERDICTS.table(verdicts), tables["judging_sample"], CONVERSATIONS.table(conversation)
    )
    return bool(frame["quotes_are_literal"].all())


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("you are right", "I think you are right here."),
        ("you  are\nright", "I think you are right here."),
        ("caf\u00e9", "the cafe\u0301 is open"),
        ("\ufb01ne", "that is fine"),
        ("<<x>>", "before <<x>> after"),
    ],
)
def test_a_quote_is_literal_but_for_white_space_and_unicode_forms(quote, text):
    assert quoting(quote, text)


@pytest.mark.parametrize(
    ("quote", "text"),
    [("You Are Right", "you are right"), ("you were right", "you are right"), (" ", "x y")],
)
def test_other_words_are_not_literal(quote, text):
    assert not quoting(quote, text)


def test_rows_keep_their_place_over_several_days():
    days = [FIRST + timedelta(days=offset) for offset in range(3)]
    parts = [day_tables(day, [Talk("same"), Talk("other")]) for day in days]
    tables = {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}
    verdicts = tables["verdicts"].to_pylist()
    false = next(i for i, row in enumerate(verdicts) if row["evidence"] and row["day"] == days[1])
    verdicts[false]["evidence"][0]["quote"] = "never said"
    frame = frames.verdicts_frame(
        pa.Table.from_pylist(verdicts, schema=VERDICTS.schema),
        tables["judging_sample"],
        tables["conversations"],
    )
    assert frame.index[~frame["quotes_are_literal"]].tolist() == [false]


def test_a_day_that_only_one_table_knows_still_has_its_line():
    known = day_tables(FIRST, [Talk("c")])
    refused = day_tables(FIRST + timedelta(days=1), [], refused=2)
    frame = frames.conversation_days_frame(
        known["conversations"], refused["quarantine"], known["intake"]
    )
    assert frame[["received", "accounted"]].to_numpy().tolist() == [[1, 1], [0, 2]]
