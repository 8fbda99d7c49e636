"""The evidence of an alert as lines for a terminal."""

from alignment_monitor.alerting.bundle import parts
from alignment_monitor.cli.alert_words import shown

EVIDENCE = {
    "value": 0.32, "lower": 0.27, "upper": 0.38, "baseline": 0.13, "n": 264, "effective_n": 252.4,
    "decomposition": {"mix": -0.004, "rate": 0.21, "rate_error": 0.02, "judge": None},
    "drivers": [
        {"segment": "coding\x1b[2J", "before": 0.11, "after": 0.26, "n": 191},
        {"segment": "learning", "before": 0.1, "after": 0.3, "n": 150},
    ],
    "exemplars": [{"link": "http://pages/1"}, {"link": None}, {"conversation_id": "old"}],
    "links": {"explain": "alignment-monitor explain MODEL/a/caving/up 2026-11-30"},
}  # fmt: skip
ALERT = {
    "alert_id": "7c14", "type": "MODEL", "severity": "page", "state": "firing",
    "statement": "It rose.", "opened_on": "2026-11-19", "updated_on": "2026-11-30",
    "returned_on": None, "resolved_on": None, "resolution": None, "held_by": None,
    "series": "MODEL/a/caving/up", "silenced_by": [], "reason": None, "if_expected": None,
    "history": [], "deliveries_made": [],
}  # fmt: skip


def test_each_part_has_its_figures_and_what_is_not_known_is_left_out():
    told = {name: "\n".join(lines).replace("\u00a0", " ") for name, lines in parts(EVIDENCE)}
    assert list(told) == ["Rate, 7 days", "Split", "Segments", "Replies", "The arithmetic"]
    assert told["Rate, 7 days"] == "32 % [27, 38], normal 13 %, n 264, effective n 252"
    assert told["Split"] == "−0.4 points by other traffic, +21 points [17, 25] by the model"
    assert told["Replies"] == "http://pages/1"
    assert list(parts({})) == list(parts(dict.fromkeys(EVIDENCE))) == []


def test_a_name_from_outside_cannot_act_on_a_terminal():
    lines = list(shown({**ALERT, "evidence": EVIDENCE}))
    assert not any("\x1b" in line for line in lines)
    place = lines.index("Segments:")
    assert lines[place + 1].startswith("  coding [2J 11")
    assert "Replies: http://pages/1" in lines
    assert len(list(shown({**ALERT, "evidence": None}))) == 4
