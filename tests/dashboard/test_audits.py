"""Audit cards as the Judges page tells them."""

import json
from pathlib import Path

import audits

from tests.dashboard.sample_marts import Sample
from tests.dashboard.test_pages import HOSTILE, markup, opened, said


def card(home: Path, name: str, **values) -> None:
    folder = home / "audits" / name
    folder.mkdir(parents=True)
    told = {"judge": "judge", "day": "2026-09-26", "verdict": "may chart", "reasons": ["why"],
            "fingerprints": ["sample/sample-1/chat/7f3a"], "messages": 425}  # fmt: skip
    (folder / "card.json").write_text(json.dumps({**told, **values}))
    (folder / "card.html").write_text("<p>card</p>")


def test_the_newest_readable_card_of_a_judge_counts(tmp_path):
    assert audits.newest(tmp_path, "judge") is None
    card(tmp_path, "a", day="2026-09-25", verdict="do not use")
    card(tmp_path, "b")
    card(tmp_path, "c", judge="second", day="2026-10-01")
    card(tmp_path, "d", day="nonsense")
    card(tmp_path, "e", day="2026-11-01")
    (tmp_path / "audits" / "e" / "card.html").unlink()
    found = audits.newest(tmp_path, "judge")
    assert (found.verdict, found.page.parent.name) == ("may chart", "b")
    assert found.is_of("sample/sample-1/chat/7f3a")
    assert not found.is_of("sample/sample-2/chat/7f3a")


def test_the_page_tells_the_card_and_whether_it_is_still_about_this_judge(tmp_path, use_home):
    home = use_home(tmp_path, Sample(days=5, talks_per_day=2))
    assert "judge audit --judge" in said(opened("views/judges.py", judge="judge"))
    card(home, "a", reasons=[HOSTILE])
    app = opened("views/judges.py", judge="judge")
    assert "May chart" in said(app)
    assert "<img" not in markup(app)
    assert "Another version of the judge was audited" not in said(app)
    card(home, "b", day="2026-09-27", fingerprints=["another"])
    app = opened("views/judges.py", judge="judge")
    assert "Another version of the judge was audited" in said(app)
