import csv
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_monitor.sources import files
from alignment_monitor.sources.base import RefusedError
from alignment_monitor.sources.files import SourceFileError, read_file

GOOD = [
    {"conversation_id": f"c{n}", "messages": [{"role": "user", "content": f"q{n}"}]}
    for n in range(5)
]
LINES = [json.dumps(record) for record in GOOD]


def write(path, content: str | bytes):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path):
    """Records by place, and rules of refusals by place."""
    good, refused = {}, {}
    for place, record in read_file(path):
        if isinstance(record, RefusedError):
            refused[place] = record.rule
        else:
            good[place] = record
    return good, refused


def test_lines_are_records_by_number(tmp_path):
    path = write(tmp_path / "a.jsonl", "\ufeff" + "\n\n".join(LINES))
    good, refused = read(path)
    assert list(good) == [f"a.jsonl:{number}" for number in (1, 3, 5, 7, 9)]
    assert list(good.values()) == GOOD
    assert not refused


def test_one_bad_line_never_stops_the_rest(tmp_path):
    bad = [b"{not json", b'{"messages": "caf\xe9"}', b"[1, 2]", b"[" * 100_000, b"1" * 5000]
    path = write(tmp_path / "a.jsonl", b"\n".join([*bad, LINES[0].encode()]))
    good, refused = read(path)
    assert list(good.values()) == GOOD[:1]
    assert " ".join(refused.values()) == "bad_json not_utf8 not_an_object bad_json bad_json"


def test_a_huge_line_is_refused_and_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_LINE", 1_000)
    path = write(tmp_path / "a.jsonl", "\n".join([LINES[0], "x" * 5_000, LINES[1]]))
    good, refused = read(path)
    assert list(good.values()) == GOOD[:2]
    assert refused == {"a.jsonl:2": "line_too_long"}


def test_a_truncated_gzip_keeps_what_came_before(tmp_path):
    text = "\n".join(json.dumps({"messages": [], "n": str(n) * 50}) for n in range(5_000))
    whole = gzip.compress(text.encode())
    good, refused = read(write(tmp_path / "a.jsonl.gz", whole[: len(whole) // 2]))
    assert 100 < len(good) < 5_000
    assert refused == {"a.jsonl.gz:end": "truncated_file"}
    assert len(read(write(tmp_path / "b.jsonl.gz", whole))[0]) == 5_000


def test_json_as_list_page_object_and_lines(tmp_path):
    contents = [json.dumps(GOOD), json.dumps({"data": GOOD}, indent=1), "\n".join(LINES)]
    for content in contents:
        assert list(read(write(tmp_path / "a.json", content))[0].values()) == GOOD
    assert list(read(write(tmp_path / "a.json", LINES[0]))[0].values()) == GOOD[:1]
    assert read(write(tmp_path / "a.json", "[1]"))[1] == {"a.json:1": "not_an_object"}


def test_parquet_rows(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(GOOD), path)
    assert list(read(path)[0].values()) == GOOD


def test_csv_with_a_column_of_messages(tmp_path):
    with (tmp_path / "a.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "model", "messages"])
        writer.writerow(["1", "", json.dumps(GOOD[0]["messages"])])
    good, _ = read(tmp_path / "a.csv")
    assert good == {"a.csv:2": {"id": "1", "messages": json.dumps(GOOD[0]["messages"])}}


def test_csv_with_a_message_a_row_gathers_scattered_rows(tmp_path):
    rows = (
        "conversation_id,role,content,model,created_at\n"
        'a,user,"=HYPERLINK(""x"")\nline two",m1,2025-05-06\n'
        "b,user,hi,m1,\n"
        "a,assistant,@SUM(1),m1,2025-05-07\n"
    )
    good, _ = read(write(tmp_path / "a.csv", rows))
    assert list(good) == ["a.csv:2", "a.csv:4"]
    first = good["a.csv:2"]
    assert (first["conversation_id"], first["model"]) == ("a", "m1")
    assert [message["content"] for message in first["messages"]] == [
        '=HYPERLINK("x")\nline two',
        "@SUM(1)",
    ]


def test_bad_csv_rows_never_stop_the_rest(tmp_path):
    rows = b"conversation_id,role,content\na,user\n,user,x\nb,user,caf\xe9\nc,user,fine\n"
    good, refused = read(write(tmp_path / "a.csv", rows))
    assert [record["conversation_id"] for record in good.values()] == ["c"]
    assert list(refused.values()) == ["bad_csv", "missing_id", "not_utf8"]


def test_a_csv_cell_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_LINE", 1_000)
    rows = 'messages\nfirst\n\n"' + "x\n" * 800 + "last\n"
    good, refused = read(write(tmp_path / "a.csv", rows))
    assert refused == {"a.csv:4": "bad_csv"}
    texts = [record["messages"] for record in good.values()]
    assert (texts[0], texts[-1]) == ("first", "last")


def test_a_large_json_file_says_how_to_split_it(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST_JSON", 10)
    with pytest.raises(SourceFileError, match="jq -c"):
        read(write(tmp_path / "a.json", LINES[0]))


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_an_empty_file_holds_no_record(tmp_path, name):
    assert read(write(tmp_path / name, "")) == ({}, {})


def half_a_parquet(path):
    pq.write_table(pa.Table.from_pylist(GOOD), path)
    return path.read_bytes()[: path.stat().st_size // 2]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.parquet", half_a_parquet, "not a whole Parquet file"),
        ("a.parquet", b"", "not a whole Parquet file"),
        ("a.jsonl.gz", b"plain text", "is not gzip"),
        ("a.json", b'[{"a": ', "not JSON at line 1"),
        ("a.json", b'["caf\xe9"]', "not UTF-8"),
        ("a.json", b"[" * 100_000, "nested too deep"),
        ("a.csv", b"one,two\n1,2\n", "needs a column messages"),
        ("a.xlsx", b"PK", "files of this kind"),
    ],
)
def test_a_broken_file_says_which_it_is_and_what_is_wrong(tmp_path, name, content, problem):
    path = tmp_path / name
    write(path, content(path) if callable(content) else content)
    with pytest.raises(SourceFileError, match=f"{name}: .*{problem}"):
        list(read_file(path))


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(SourceFileError, match=r"gone\.jsonl: there is no such file"):
        list(read_file(tmp_path / "gone.jsonl"))
