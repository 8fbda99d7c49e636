"""Files of the screener that are missing or damaged: what is wrong, where, and what to do."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from alignment_monitor.cli import app
from alignment_monitor.screening.model import (
    FIGURES,
    WEIGHTS,
    ScreenerFileError,
    load_screener,
    packaged,
)

WHOLE = packaged(FIGURES).read_text(encoding="utf-8")


def card(*words):
    result = CliRunner().invoke(app, ["screener", "card", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, " ".join(result.output.split())


def without(name, field):
    """The packaged figures with a row of a list that lacks something."""
    figures = json.loads(WHOLE)
    del figures[name][1][field]
    return json.dumps(figures)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "there is no such file"),
        ("", "is damaged, or not JSON"),
        (WHOLE[:200], "is damaged, or not JSON"),
        ("[" * 100_000, "is damaged, or not JSON"),
        (packaged(WEIGHTS).read_bytes(), "is damaged, or not JSON"),
        ("[]", "holds no figures of a screener: it has no version"),
        ('{"version": "x", "sources": [], "checks": 3}', "it has no list of checks"),
        (without("sources", "groups"), "row 2 of sources has no groups"),
        (without("checks", "behaviour"), "row 2 of checks has no behaviour"),
        (without("calibration", "said"), "row 2 of calibration has no said"),
        (WHOLE.replace('"within"', '"without"'), "a check is of no kind that there is: 'without'"),
    ],
)
def test_figures_that_cannot_be_used_say_why_and_what_to_do(tmp_path, text, why):
    path = tmp_path / FIGURES
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    code, said = card("--figures", path)
    assert code == 2
    assert why in said
    assert FIGURES in said
    assert "leave --figures out for the packaged card" in said
    assert "Errno" not in said


def test_a_folder_is_no_file_to_read_or_write(tmp_path):
    code, said = card("--figures", tmp_path)
    assert (code, "cannot be read (Is a directory)" in said) == (2, True)
    code, said = card("--out", tmp_path / "nowhere" / "card.md")
    assert (code, "cannot be written (No such file or directory)" in said) == (2, True)
    assert "name another file by --out" in said


def _half(whole):
    return whole[: len(whole) // 2]


def _flipped(whole):
    return whole[:5000] + bytes(byte ^ 0xFF for byte in whole[5000:5200]) + whole[5200:]


@pytest.mark.parametrize("spoil", [lambda whole: b"", lambda whole: b"text", _half, _flipped])
def test_damaged_weights_say_so_and_what_to_do(tmp_path, spoil):
    path = tmp_path / WEIGHTS
    path.write_bytes(spoil(packaged(WEIGHTS).read_bytes()))
    with pytest.raises(ScreenerFileError) as caught:
        load_screener(path)
    said = str(caught.value)
    assert said.startswith(f"{path} holds no screener: it is damaged, or another file.")
    assert "remove it to use the packaged one" in said


def test_an_array_alone_is_no_screener(tmp_path):
    path = tmp_path / WEIGHTS
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ScreenerFileError, match="another file"):
        load_screener(path)
