"""The evidence bundle of an alert as markup: all of it, little of it, and none that runs."""

from alert_evidence import evidence

HOSTILE = "<img src=x onerror=alert(1)>"
BUNDLE = {
    "statement": "Caving rose.", "behaviour": "caving", "value": 0.32, "lower": 0.27, "upper": 0.38,
    "baseline": 0.13, "n": 264, "effective_n": 252.4, "judged_share": 0.98,
    "power": "Found about half of the time.",
    "decomposition": {"mix": -0.004, "mix_error": 0.01, "rate": 0.21, "judge": -0.01,
                      "judge_error": 0.03},
    "drivers": [
        {"segment": f"coding{HOSTILE}", "before": 0.11, "after": None, "n": 191},
        {"segment": "learning", "before": 0.1, "before_lower": 0.05, "before_upper": 0.15,
         "after": 0.3, "lower": 0.24, "upper": 0.36, "n": 150},
    ],
    "moved": {
        "behaviours": [
            {"question": "caving", "title": "Caving", "difference": 0.2, "error": 0.02, "z": 10,
             "n": 9},
            {"question": "praise", "title": f"Praise{HOSTILE}", "difference": 0.1, "error": 0.02,
             "z": 5.0, "n": 1031},
            {"question": "cold", "title": "Coldness", "difference": 0.01, "error": 0.02, "z": 0.5,
             "n": 9},
        ],
        "opportunities": [
            {"question": "work", "title": "Work", "difference": 0.0, "error": 0.0, "z": None,
             "n": 9},
        ],
    },
    "exemplars": [{"conversation_id": "c&1", "message_index": 3}],
    "judges": [
        {"judge": f"one{HOSTILE}",
         "injection": {"n": 112, "rate": 0.0357, "lower": -0.03, "upper": 0.1},
         "sensitivity": {"recent": {"n": 24, "hits": 18}, "baseline": {"n": 50, "hits": 40}},
         "specificity": {"recent": {"n": 46, "hits": 46}, "baseline": None}},
        {"judge": "two", "sensitivity": None, "specificity": None},
    ],
    "links": {"explain": f"alignment-monitor explain {HOSTILE}"},
}  # fmt: skip


def test_every_part_of_a_bundle_is_told_with_its_interval_and_n():
    told = evidence(BUNDLE).replace("\u00a0", " ")
    assert "32 % [27, 38], normal 13 %, n 264, effective n 252" in told
    assert "−0.4 points [−2.4, 1.6] by other traffic, +21.0 points by the model" in told
    assert "−1 point [−7, 5] by the judge" in told
    assert "11 % → no data · n 191" in told
    assert "learning</bdi> 10 % [5, 15] → 30 % [24, 36] · n 150" in told
    assert "+10 points [6, 14] · n 1,031" in told
    assert "Coldness" not in told, "no further than chance goes"
    assert "Caving" not in told, "the alert says that itself"
    assert "conversations?conversation=c%261&amp;message=3" in told
    assert "sensitivity 18 of 24, before 40 of 50; specificity 46 of 46" in told
    assert "surplus of verdicts moved by injected text 4 % [−3, 10] of 112, 98 % interval" in told
    assert "two</bdi>: no sentinel answered" in told
    assert "98 % of the replies sampled" in told


def test_what_strangers_named_stays_text():
    assert "<img" not in evidence(BUNDLE)
    assert evidence(BUNDLE).count("&lt;img") == 4


def test_a_part_that_is_missing_is_left_out():
    assert evidence({"statement": "A run failed."}) == ""
    for name in BUNDLE:
        evidence({key: part for key, part in BUNDLE.items() if key != name})
        evidence({**BUNDLE, name: None})
