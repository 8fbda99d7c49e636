from datetime import date

import pytest

from alignment_monitor.contracts import ANNOTATIONS, DEPLOYMENTS
from alignment_monitor.parquet import write_parquet
from tests.pipeline import homes

HEAD = "day,kind,label,details,family\n"


def kept(home):
    names = ("day", "kind", "label", "details", "deployment_family")
    return [tuple(str(row[name]) for name in names) for row in homes.mart(home, "annotations")]


def test_a_day_is_marked_before_any_run_and_seen_at_once(cli, home):
    code, said = cli("annotate", "2026-11-04", "incident", "Search was down", "--family", "aurora")
    assert (code, said.startswith("Marked 1 day. No traffic of family 'aurora' was")) == (0, True)
    again = ("annotate", "2026-11-04", "incident", "Search was down")
    assert cli(*again, "--family", "aurora", "--details", "two hours")[0] == 0
    assert kept(home) == [("2026-11-04", "incident", "Search was down", "two hours", "aurora")]
    # Of all families it is another mark.
    assert cli(*again)[0] == 0
    assert len(kept(home)) == 2
    code, said = cli("annotate", "--list")
    assert "2026-11-04 incident Search was down of aurora: two hours" in said


def test_a_file_is_kept_whole_or_not_at_all(cli, home, tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text(HEAD + "2026-01-31,note,A holiday,,\n2026-02-01,judge,New key,details,a\n")
    code, said = cli("annotate", "--import", path)
    assert (code, said.split("No traffic")[0]) == (0, "Marked 2 days. ")
    assert kept(home) == [
        ("2026-01-31", "note", "A holiday", "", "None"),
        ("2026-02-01", "judge", "New key", "details", "a"),
    ]
    path.write_text("\ufeffday,kind,label\n2026-03-01,note,by spreadsheet\n", encoding="utf-8")
    assert cli("annotate", "--import", path)[0] == 0
    assert len(kept(home)) == 3
    path.write_text(HEAD + "2026-04-01,note,fine,,\n31.4.26,note,not fine,,\n")
    code, said = cli("annotate", "--import", path)
    assert code == 2
    assert f"{path}:3" in said.replace(" ", "")
    assert len(kept(home)) == 3


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("2026-01-31", "party", "x"), "a kind is one of deployment, incident"),
        (("2026-01-31", "note", "x" * 81), "1 to 80 characters"),
        (("2026-01-31", "note", " \n "), "1 to 80 characters"),
        (("2026-01-31", "note", "x", "--details", "x" * 2001), "2000 characters at most"),
        (("2026-01-31", "note", "a\0b"), "label: leave out the control character U+0000"),
        (("2026-01-31", "note", "x", "--details", "\x1b[2J"), "control character U+001B"),
        (("2026-01-31", "note", "x", "--family", "a\udc80"), "control character U+DC80"),
        (("2026-01-31", "note"), "Give DAY, KIND and LABEL"),
        (("--import", "nowhere.csv"), "cannot be read"),
        (("yesterday", "note", "x"), "yesterday"),
    ],
)
def test_what_cannot_be_marked_says_why(cli, home, words, complaint):
    code, said = cli("annotate", *words)
    assert code == 2
    assert complaint in said
    assert not (home / "marts" / "annotations.parquet").exists()


def test_a_family_without_traffic_is_marked_and_said_so(cli, home):
    row = {
        "deployment_family": "aurora", "deployment": "aurora-1.0", "first_day": date(2026, 1, 5),
        "last_day": date(2026, 1, 9), "conversations": 40,
    }  # fmt: skip
    other = {**row, "deployment_family": "borealis", "deployment": "borealis-1"}
    home.mkdir()
    write_parquet(DEPLOYMENTS.table([row, other]), home / "marts" / "deployments.parquet")
    code, said = cli("annotate", "2026-01-31", "deployment", "1.1", "--family", "arora")
    assert (code, len(kept(home))) == (0, 1)
    assert "No traffic of family 'arora' was seen yet" in said
    assert "There is traffic of: aurora, borealis." in said
    for fine in (("--family", "aurora"), ()):
        assert cli("annotate", "2026-01-31", "note", "x", *fine) == (0, "Marked 1 day.")


def test_space_around_what_is_typed_makes_no_other_mark(cli, home):
    typed = ("annotate", "2026-01-31", "note", " A\n holiday ", "--details", " x ")
    assert cli(*typed, "--family", "  ") == (0, "Marked 1 day.")
    assert "No traffic of family 'aurora' was" in cli(*typed, "--family", " aurora ")[1]
    same = ("annotate", "2026-01-31", "note", "A holiday", "--details", "y")
    cli(*same, "--family", "aurora")
    assert kept(home) == [
        ("2026-01-31", "note", "A holiday", "x", "None"),
        ("2026-01-31", "note", "A holiday", "y", "aurora"),
    ]


def test_a_control_character_of_a_file_is_told_with_its_line(cli, home, tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text(HEAD + '2026-01-31,note,fine,"two\nlines",\n2026-01-31,note,a\0b,,\n')
    code, said = cli("annotate", "--import", path)
    assert code == 2
    assert "marks.csv:4: label: leave out the control character U+0000" in said
    assert not (home / "marts" / "annotations.parquet").exists()


def test_a_file_without_its_columns_is_refused(cli, tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text("day,label\n2026-01-31,x\n")
    code, said = cli("annotate", "--import", path)
    assert (code, "lacks a column: kind" in said) == (2, True)


def test_a_comma_that_was_not_quoted_cuts_no_label(cli, home, tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text("day,kind,label\n2026-01-31,note,Search was down, for an hour\n")
    code, said = cli("annotate", "--import", path)
    assert (code, "more fields than headings" in said) == (2, True)
    path.write_text('day,kind,label\n2026-01-31,note,"Search was down, for an hour"\n')
    assert cli("annotate", "--import", path)[0] == 0
    assert [mark[2] for mark in kept(home)] == ["Search was down, for an hour"]


def test_what_the_data_showed_stays_while_the_warehouse_cannot_be_read(cli, home):
    row = {
        "annotation_id": "seen",
        "day": date(2026, 1, 5),
        "kind": "deployment",
        "label": "aurora-1.1",
        "details": "",
        "deployment_family": "aurora",
        "detected": True,
    }
    home.mkdir()
    write_parquet(ANNOTATIONS.table([row]), home / "marts" / "annotations.parquet")
    assert cli("annotate", "2026-01-06", "note", "x")[0] == 0
    assert [label for _, _, label, _, _ in kept(home)] == ["aurora-1.1", "x"]
    assert "seen in the data" in cli("annotate", "--list")[1]


def test_nothing_marked_is_said(cli):
    assert cli("annotate", "--list") == (0, "No day is marked.")


def test_a_damaged_mart_is_named_and_keeps_nobody_from_marking(cli, home):
    (home / "marts").mkdir(parents=True)
    (home / "marts" / f"{DEPLOYMENTS.name}.parquet").write_text("no table")
    code, said = cli("annotate", "2026-01-06", "note", "x", "--family", "aurora")
    assert (code, "cannot be told" in said, "no Parquet file" in said) == (0, True, True)
    assert [label for _, _, label, _, _ in kept(home)] == ["x"]
    (home / "marts" / f"{ANNOTATIONS.name}.parquet").write_text("no table")
    code, said = cli("annotate", "--list")
    assert (code, "no Parquet file" in said, "delete the file" in said) == (2, True, True)
    code, said = cli("annotate", "2026-01-07", "note", "y")
    assert (code, said) == (0, "Marked 1 day.")
    assert [label for _, _, label, _, _ in kept(home)] == ["x", "y"]
