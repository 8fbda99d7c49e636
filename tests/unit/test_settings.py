import stat

import pytest

from alignment_monitor.operations.starter import STARTER, write_starter
from alignment_monitor.settings import SettingsError, load


def test_an_absent_file_means_all_defaults(tmp_path):
    settings = load(tmp_path)
    assert settings.home == tmp_path
    assert settings.lake == tmp_path / "lake"
    assert not settings.simulated


def test_the_starter_file_says_nothing_but_the_defaults(tmp_path):
    path, created = write_starter(tmp_path)
    assert created
    assert load(tmp_path) == load(tmp_path / "elsewhere").model_copy(update={"home": tmp_path})
    path.write_text("first_day: 2020-01-01\n")
    assert write_starter(tmp_path) == (path, False)
    assert path.read_text() != STARTER


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("judging: {calls_per_day: 0}", "judging.calls_per_day"),
        ("judgin: {}", "judgin"),
        ("sampling: {boosts: {plain: 0}}", "sampling.boosts.plain"),
        ("sampling: {boosts: {plian: 1}}", "no such bucket: plian"),
        ("- a", "name: value"),
        ("a: [", "not valid YAML"),
        ("sources: [{kind: inboks}]", "sources.0"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path, text, complaint):
    (tmp_path / "monitor.yaml").write_text(text)
    with pytest.raises(SettingsError, match=complaint):
        load(tmp_path)


def test_the_user_key_is_made_once_and_only_its_owner_reads_it(tmp_path, monkeypatch):
    monkeypatch.delenv("ALIGNMENT_MONITOR_USER_KEY", raising=False)
    first, second = load(tmp_path).user_key_secret, load(tmp_path).user_key_secret
    assert first == second
    assert stat.S_IMODE((tmp_path / "user.key").stat().st_mode) == 0o600
    monkeypatch.setenv("ALIGNMENT_MONITOR_USER_KEY", "given")
    assert load(tmp_path).user_key_secret == b"given"


def test_a_digest_changes_with_its_sections_alone(tmp_path):
    first = load(tmp_path)
    (tmp_path / "monitor.yaml").write_text("dashboard_url: http://other")
    assert load(tmp_path).digest("sampling") == first.digest("sampling")
    (tmp_path / "monitor.yaml").write_text("sampling: {messages_per_day: 9}")
    assert load(tmp_path).digest("sampling") != first.digest("sampling")
