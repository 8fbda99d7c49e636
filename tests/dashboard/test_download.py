"""Tables as CSV: what a spreadsheet makes of them."""

import csv
import io

from components import as_csv


def test_rows_come_back_as_they_were_and_formulas_do_not_run():
    found = [{"segment": "=HYPERLINK(1)", "rate": -0.5}, {"segment": 'a "b", c\n', "rate": None}]
    read = list(csv.DictReader(io.StringIO(as_csv(found).decode(), newline="")))
    assert read == [
        {"segment": "'=HYPERLINK(1)", "rate": "-0.5"},
        {"segment": 'a "b", c\n', "rate": ""},
    ]
