from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.sources.gold import read_label
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
