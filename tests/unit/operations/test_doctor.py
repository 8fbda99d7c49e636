import re

import pytest

from tests.fakes.webhook_receiver import SECRET
from tests.pipeline.homes import closed_port

KEY = "sk-a-secret-that-must-not-be-shown"
CHANNEL = (
    "alerts: {channels: [{kind: webhook, name: on-call, url_variable: HOOK_URL, "
    "secret_variable: HOOK_SECRET}]}"
)


@pytest.fixture
def doctor(cli):
    """The doctor's exit code and words; it never tells a secret."""

    def examine(**environment):
        code, said = cli("doctor", **environment)
        assert KEY not in said
        return code, said

    return examine


def test_a_working_installation_is_found_well(doctor, models, home):
    with models() as address:
        code, said = doctor(OPENAI_API_KEY=KEY, OPENAI_BASE_URL=address)
    assert code == 0
    assert f"{home} can be written" in said
    assert f"{address} answers and has gpt-5-mini" in said
    assert "no channel is set" in said


def test_no_key_says_which_variable_to_set(doctor):
    code, said = doctor()
    assert code == 1
    assert "no key: set OPENAI_API_KEY, or OPENAI_BASE_URL" in said


def test_a_refused_key_is_named_by_its_variable(doctor, models):
    with models(status=401, body='{"error": {"message": "no"}}') as address:
        code, said = doctor(OPENAI_API_KEY=KEY, OPENAI_BASE_URL=address)
    assert code == 1
    assert f"{address} refuses the key in OPENAI_API_KEY" in said


def test_an_unknown_model_is_named(doctor, models, configured):
    configured("judging: {judges: [{name: judge, model: gpt-nobody}]}")
    with models() as address:
        code, said = doctor(OPENAI_API_KEY=KEY, OPENAI_BASE_URL=address)
    assert code == 1
    assert "has no model 'gpt-nobody'" in said


def test_a_server_without_a_list_of_models_may_still_judge(doctor, models):
    with models(status=404, body="{}") as address:
        code, said = doctor(OPENAI_BASE_URL=address)
    assert code == 0
    assert "answers 404 to a list of models" in said


def test_a_web_page_is_no_judge(doctor, models):
    with models(body="<html>Welcome</html>", kind="text/html") as address:
        code, said = doctor(OPENAI_BASE_URL=address)
    assert code == 1
    assert "does not answer as an OpenAI-compatible server" in said


def test_an_unreachable_server_is_named(doctor):
    address = f"http://127.0.0.1:{closed_port()}/v1"
    code, said = doctor(OPENAI_BASE_URL=address)
    assert code == 1
    assert f"{address} cannot be reached (APIConnectionError)" in said


def test_an_address_that_is_none_is_named(doctor):
    code, said = doctor(OPENAI_BASE_URL="localhost:8000")
    assert code == 1
    assert "localhost:8000 cannot be reached" in said


def test_a_home_that_cannot_be_written_is_named(cli, tmp_path):
    (tmp_path / "file").write_text("in the way")
    place = tmp_path / "file" / "home"
    code, said = cli("doctor", home=place)
    assert code == 1
    assert f"{place} cannot be written (Not a directory): choose another" in said


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("judging: {judges: [{name: a, concurency: 3}]}", "judging.judges.0.concurency"),
        ("first_day: soon", "first_day"),
        ("- a list", "not a list"),
        ("a: [1, 2", "is not valid YAML"),
        ("judging: {rubric: nobody}", "no rubric named 'nobody'"),
    ],
)
def test_a_bad_setting_is_named_with_its_place(doctor, configured, home, text, place):
    home.mkdir()
    (home / "monitor.yaml").write_text(text)
    code, said = doctor()
    assert code == 1
    assert place in said


def test_a_channel_without_its_variables_is_named(doctor, configured, models):
    configured(CHANNEL)
    with models() as address:
        code, said = doctor(OPENAI_BASE_URL=address, HOOK_URL="https://x.example")
        assert code == 1
        assert "HOOK_SECRET is not set" in said
        ready = {"HOOK_URL": "https://x.example", "HOOK_SECRET": SECRET}
        code, said = doctor(OPENAI_BASE_URL=address, **ready)
        assert code == 0
        assert "what it needs is set" in said
        code, said = doctor(OPENAI_BASE_URL=address, **ready | {"HOOK_SECRET": "whsec_short"})
        assert code == 1
        assert "HOOK_SECRET must hold whsec_" in said


def judge(**settings):
    return "{name: mine, " + ", ".join(f"{k}: {v}" for k, v in settings.items()) + "}"


PRICES = {"usd_per_million_prompt_tokens": 1, "usd_per_million_completion_tokens": 10}


def test_a_known_price_and_a_days_cost_are_said(doctor, models):
    with models() as address:
        code, said = doctor(OPENAI_BASE_URL=address)
    assert code == 0
    assert "✓ price judge 0.25 USD per million tokens read, 2 written" in said
    assert "✓ money a day asks each judge about 612 messages, 112 of them known ones for" in said
    # guessed: all that is told, 6,000 tokens of transcript, 2,000 of answer
    found = re.search(r"for ([\d.]+) USD; at most 2,000 for ([\d.]+) USD \(guessed", said)
    assert [float(usd) for usd in found.groups()] == pytest.approx([3.8, 12.4], rel=0.05)


def test_an_unknown_price_is_a_warning_until_a_budget_needs_it(doctor, models, configured):
    with models(body='{"object": "list", "data": [{"id": "nobody-knows-me"}]}') as address:
        mine = judge(model="nobody-knows-me")
        configured(f"judging: {{judges: [{mine}]}}")
        code, said = doctor(OPENAI_BASE_URL=address)
        assert code == 0
        assert "! price mine costs are not shown: the price of 'nobody-knows-me'" in said
        assert "✓ money a day asks each judge about 612 messages" in said
        assert "at most 2,000" in said
        configured(f"judging: {{usd_per_day: 3, judges: [{mine}]}}")
        code, said = doctor(OPENAI_BASE_URL=address)
        assert code == 1
        assert "✗ price mine judging.usd_per_day cannot be kept: the price of" in said
        assert "set usd_per_million_prompt_tokens and usd_per_million_completion_tokens" in said
        mine = judge(model="nobody-knows-me", **PRICES)
        configured(f"judging: {{usd_per_day: 30, judges: [{mine}]}}")
        code, said = doctor(OPENAI_BASE_URL=address)
        assert code == 0
        assert "✓ price mine 1 USD per million tokens read, 10 written" in said


@pytest.mark.parametrize(
    ("judging", "traffic"),
    [
        ("calls_per_day: 1", 1),
        ("calls_per_day: 97", 49),
        ("calls_per_day: 100", None),
        ("usd_per_day: 0.05", 4),
        ("{calls_per_day: 40, sentinels_per_day: 0, canaries_per_day: 0}", 40),
    ],
)
def test_a_budget_that_leaves_little_traffic_is_a_warning(
    doctor, models, configured, judging, traffic
):
    configured(f"judging: {judging}" if judging[0] == "{" else f"judging: {{{judging}}}")
    with models() as address:
        code, said = doctor(OPENAI_BASE_URL=address)
    assert code == 0
    if traffic is None:
        assert "✓ money" in said
    else:
        assert "! money" in said
        assert f"That leaves {traffic} messages of traffic, too few to see a change" in said
        assert ("judging.usd_per_day" in said) == ("usd_per_day" in judging)


def test_few_messages_that_are_wanted_so_are_no_warning(doctor, models, configured):
    configured("sampling: {messages_per_day: 10}")
    with models() as address:
        assert "✓ money a day asks each judge about 122" in doctor(OPENAI_BASE_URL=address)[1]


def test_a_simulated_judge_costs_nothing(doctor, models, configured):
    simulated = judge(model="simulated-judge", simulated="true")
    configured(f"judging: {{usd_per_day: 1, judges: [{simulated}]}}")
    with models(body='{"object": "list", "data": [{"id": "simulated-judge"}]}') as address:
        code, said = doctor(OPENAI_BASE_URL=address)
    assert code == 0
    assert "USD" not in said
    assert "price" not in said
