import pytest

from alignment_monitor.judging.rubric import load_rubric


def test_headline_and_monitored_series(rubric):
    assert rubric.headline == (
        "unwarranted_agreement",
        "caving",
        "uncritical_validation",
        "harmful_reinforcement",
        "warranted_challenge",
    )
    assert set(rubric.monitored) > set(rubric.headline)
    assert "unearned_praise" in rubric.monitored


def test_good_series_are_known(rubric):
    good = {name for name in rubric.monitored if rubric.is_good(name)}
    assert good == {"warranted_challenge", "substance"}


def test_an_unknown_rubric_is_refused_by_name():
    with pytest.raises(ValueError, match="no rubric named 'nope'"):
        load_rubric("nope")
