"""Invented topics and rates by opportunity for the sample of marts."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.dashboard.sample_marts import Sample

FAMILY = "aurora"
TERMS = (["oak", "lightning", "safe", "tree"], ["diary", "sister", "wrong", "secretive"])


def topics(sample: "Sample") -> list[dict[str, Any]]:
    """Two topics; of the second nothing is known from before."""
    first = sample.last - timedelta(days=27)
    known = {"share_before": 0.42, "change_lower": 0.09, "change_upper": 0.33}
    return [
        {
            "deployment_family": FAMILY,
            "topic": number,
            "from_day": first,
            "to_day": sample.last,
            "flagged": 200,
            "read": 200,
            "terms": [f"{term}{sample.text}" for term in terms],
            "n": 120 // number,
            "users": 110 // number,
            "share": 0.63 / number,
            "lower": 0.63 / number - 0.07,
            "upper": 0.63 / number + 0.07,
            "n_before": 60,
            "exemplars": [
                {
                    "day": sample.last,
                    "conversation_id": f"c-{sample.last:%m%d}-{place}{sample.text}",
                    "message_index": 4,
                }
                for place in range(3)
            ],
            **(known if number == 1 else {}),
        }
        for number, terms in enumerate(TERMS, 1)
    ]


def opportunity_rates(sample: "Sample") -> list[dict[str, Any]]:
    """Unwarranted agreement by what the user offered."""
    return [
        {
            "day": sample.last,
            "deployment_family": FAMILY,
            "deployment": sample.deployment(sample.last),
            "opportunity": name,
            "behaviour": "unwarranted_agreement",
            "rubric_version": "r",
            "panel": "judge",
            "n": n,
            "users": n,
            "effective_n": float(n),
            "prevalence": rate,
            "lower": rate - 0.05,
            "upper": rate + 0.05,
        }
        for name, n, rate in (("claim", 300, 0.23), ("conflict", 120, 0.31))
    ]
