"""Tables as CSV: what a spreadsheet makes of them."""

import csv
import io

from tables import as_csv, shown


def test_rows_come_back_as_they_were_and_formulas_do_not_run():
    found = [{"segment": "=HYPERLINK(1)", "rate": -0.5}, {"segment": 'a "b", c\n', "rate": None}]
    read = list(csv.DictReader(io.StringIO(as_csv(found).decode(), newline="")))
    assert read == [
        {"segment": "'=HYPERLINK(1)", "rate": "-0.5"},
        {"segment": 'a "b", c\n', "rate": ""},
    ]


def test_cells_are_had_as_they_are_seen_and_columns_of_one_name_are_told_apart():
    head = ["Question", "n", "n"]
    body = [["<bdi>a &lt;b&gt;</bdi>", '12\u00a0% <span class="am-faint">[9, 15]</span>', "3"]]
    assert shown(head, body) == [{"Question": "a <b>", "n": "12 %  [9, 15]", "n (2)": "3"}]
