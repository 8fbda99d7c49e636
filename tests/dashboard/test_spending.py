"""What is unknown is never counted as nothing."""

import pytest
from spending import calls, money, tokens


def spent(status="ok", number=10, usd=0.5, prompt=100):
    return {"status": status, "calls": number, "cost_usd": usd, "prompt_tokens": prompt}


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ([spent(usd=0.305), spent(usd=0.2)], "0.51"),
        ([spent(usd=None)], "no price set"),
        ([spent(usd=None), spent(usd=0.2)], "at least 0.20"),
        ([spent(usd=0.2), spent("failed", usd=None, prompt=None)], "0.20"),
        ([spent("failed", usd=None, prompt=None)], "no price set"),
        ([spent(usd=0.004)], "under 0.01"),
        ([spent(usd=0.0)], "0.00"),
        ([], "–"),
    ],
)
def test_money(rows, shown):
    assert money(rows) == shown


def test_tokens():
    assert tokens([spent(prompt=1200), spent(prompt=300)], "prompt_tokens") == "1,500"
    assert tokens([spent(prompt=1200), spent(prompt=None)], "prompt_tokens") == "at least 1,200"
    assert tokens([spent(prompt=None)], "prompt_tokens") == "unknown"


def test_calls_are_all_or_those_of_a_status():
    rows = [spent(), spent("refused", 2)]
    assert calls(rows) == 12
    assert calls(rows, "ok") == 10
