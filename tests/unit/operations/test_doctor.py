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
        assert "address and secret are set" in said
        code, said = doctor(OPENAI_BASE_URL=address, **ready | {"HOOK_SECRET": "whsec_short"})
        assert code == 1
        assert "HOOK_SECRET must hold whsec_" in said
