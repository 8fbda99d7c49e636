import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.sources.label_check import read_label
from alignment_monitor.sources.label_rows import blank, is_blank, label_of, options, questions
from alignment_monitor.sources.label_rows import rows_of as rows_of_label
from alignment_monitor.sources.label_table import read_table, write_table

RUBRIC = load_rubric()
NOTES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).filter(
    lambda note: note and note == note.strip()
)


@st.composite
def labels(draw):
    """Any label that the rubric allows, with notes on some of what it answers."""
    flags = draw(st.sets(st.sampled_from(list(RUBRIC.opportunities))))
    label = {
        "message_index": draw(st.integers(0, 30)),
        "annotator": draw(st.sampled_from(["ann", "=ben", "Zoë, the 2nd"])),
        "opportunities": {
            flag: {
                side: draw(st.sampled_from(choices))
                for side, choices in RUBRIC.opportunities[flag].side.items()
                if draw(st.booleans())
            }
            for flag in flags
        },
        "levels": {},
        "choices": {},
    }
    if draw(st.booleans()):
        label["stance"] = draw(st.sampled_from(list(RUBRIC.stance.levels)))
    for part, asked in (("levels", RUBRIC.graded), ("choices", RUBRIC.choices)):
        for name, question in asked.items():
            applies = not question.needs or flags.intersection(question.needs)
            if applies and draw(st.booleans()):
                answer = draw(st.sampled_from(options(name, RUBRIC)))
                label[part][name] = int(answer) if part == "levels" else answer
    answered = [row["question"] for row in rows_of_label(label, RUBRIC)]
    if notes := draw(st.dictionaries(st.sampled_from(answered), NOTES, max_size=3)):
        label["notes"] = notes
    return label


@given(labels())
def test_a_label_survives_being_rows(label):
    rows = rows_of_label(label, RUBRIC)
    assert read_label(label, RUBRIC)[1] == []
    assert label_of(label["message_index"], label["annotator"], rows) == label
    assert {row["question"] for row in rows} <= questions(RUBRIC).keys()
    assert {row["question"] for row in rows} >= RUBRIC.opportunities.keys()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels())
def test_a_label_survives_being_a_table(tmp_path, label):
    messages = [{"role": "user", "content": '=HYPERLINK("x")\r"quoted", and more'}]
    path = tmp_path / "labels.csv"
    line = {"id": "talk-1", "messages": messages, "labels": [label]}
    path.write_text(write_table([line], RUBRIC), encoding="utf-8-sig", newline="")
    (found,) = read_table(path, RUBRIC).labels
    assert (found.place, found.name, found.label) == ("labels.csv:2", "talk-1", label)


def test_a_blank_label_is_one_and_a_label_that_says_nothing_is_present_is_not():
    empty = blank(1, "ann", RUBRIC)
    assert is_blank(empty)
    assert not is_blank(empty | {"opportunities": {}})
    assert not is_blank(empty | {"levels": {"substance": 2}})
    assert not is_blank({"message_index": 1, "levels": {}})
    assert not is_blank(None)


MESSAGES = [
    {"role": "user", "content": 'I wrote "it\'s flat"; right?\nTell me, please.'},
    {"role": "assistant", "content": "Yes,\n\nyou are; it is."},
]
ANSWERS = dict.fromkeys(RUBRIC.opportunities, "no") | {"stance": "-1", "coldness": "0"}


@pytest.fixture
def table(tmp_path):
    """Reads rows, or text, as a table."""

    def read(given, delimiter=","):
        path = tmp_path / "in.csv"
        if not isinstance(given, str):
            out = io.StringIO()
            csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(given)
            given = out.getvalue()
        path.write_text(given, encoding="utf-8-sig", newline="")
        return read_table(path, RUBRIC)

    return read


def filled(*names, annotator="", text=True):
    """The header and, filled in, the rows of one message of each conversation."""
    lines = [{"id": name, "messages": MESSAGES, "labels": [blank(1, "", RUBRIC)]} for name in names]
    header, *rows = csv.reader(io.StringIO(write_table(lines, RUBRIC), newline=""))
    for row in rows:
        row[2], row[4] = annotator, ANSWERS.get(row[3], "")
        row[7] = row[7] if text else ""
    return [header, *rows]


def told(found):
    return [(one.name, one.label["annotator"]) for one in found.labels]


@pytest.mark.parametrize("index", ["9" * 5_000, "1234567890", "1.0", "-1", "", "one"])
def test_a_place_that_no_message_has_is_named_by_line(table, index):
    rows = filled("talk-1", "talk-2", text=False)
    for row in rows[1:23]:
        row[1] = index
    found = table(rows)
    assert told(found) == [("talk-2", "")]
    (problem,) = found.problems
    assert problem.startswith("in.csv:2: message_index: ")
    assert len(problem) < 100


def test_an_annotator_in_the_first_row_speaks_for_the_message(table):
    rows = filled("talk-1", "talk-2", "talk-3")
    rows[1][2], rows[23][2] = "'=ann", "ben"
    found = table(rows)
    assert found.problems == ()
    assert told(found) == [("talk-1", "=ann"), ("talk-2", "ben"), ("talk-3", "")]
    assert found.labels[0].label["levels"] == {"coldness": 0}


def test_rows_without_annotator_beside_two_that_are_named_are_refused(table):
    header, *nobody = filled("talk-1", text=False)
    _, *ann = filled("talk-1", annotator="ann", text=False)
    _, *ben = filled("talk-1", annotator="ben", text=False)
    found = table([header, *ann, *nobody, *ben])
    assert told(found) == [("talk-1", "ann"), ("talk-1", "ben")]
    assert found.problems == (
        "in.csv:24: annotator: empty, though several are named for this message: fill it in",
    )


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_what_spreadsheets_write_is_read(table, delimiter):
    rows = filled("talk-1", "talk-2")
    rows[1][6] = '5" of it; "so-called", he said\nand more'
    # They leave off empty cells at the end of a row, or fill rows up to the longest.
    rows = [row[:6] if not any(row[6:]) else [*row, "", ""] for row in rows]
    found = table(rows, delimiter)
    assert found.problems == ()
    assert told(found) == [("talk-1", ""), ("talk-2", "")]
    assert found.labels[0].label["notes"]["stance"] == rows[1][6]
    every = io.StringIO()
    csv.writer(every, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    assert table(every.getvalue()) == found


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("place", [1, 22, 30, 44, 60, 66])
def test_a_quote_left_open_is_named_by_line_and_costs_only_its_messages(table, place, text):
    rows = filled("talk-1", "talk-2", "talk-3", text=text)
    rows[place][6] = "OPEN"
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    whole = out.getvalue()
    line = whole[: whole.index("OPEN")].count("\n") + 1
    found = table(whole.replace("OPEN", '"why not'))
    assert any(
        problem.startswith(f"in.csv:{line}: not read up to line ") for problem in found.problems
    )
    assert all(one.label["stance"] == -1 for one in found.labels)
    assert all(one.label["levels"] == {"coldness": 0} for one in found.labels)
    hit = (place - 1) // 22
    assert {f"talk-{n + 1}" for n in range(hit)} <= {one.name for one in found.labels}
    assert f"talk-{hit + 1}" not in {one.name for one in found.labels}
    assert found.blank == 0
    assert not any("flat" in problem for problem in found.problems)


def test_a_row_that_ends_too_early_is_named_and_refuses_its_message(table):
    rows = filled("talk-1", "talk-2", text=False)
    rows[3] = rows[3][:4]
    found = table(rows)
    assert told(found) == [("talk-2", "")]
    assert found.problems[-1] == "in.csv:4: 4 cells under 8 columns"
    rows = filled("talk-1", "talk-2", text=False)
    rows[3] += ["more"]
    assert table(rows).problems[-1] == "in.csv:4: 9 cells under 8 columns"
