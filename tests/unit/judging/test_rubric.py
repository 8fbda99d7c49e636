from importlib.resources import files

import pytest

from alignment_monitor.judging.rubric import RubricError, load_rubric


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


def packaged() -> str:
    return (files("alignment_monitor") / "rubrics" / "sycophancy.yaml").read_text()


def test_a_rubric_of_ones_own_comes_first(tmp_path):
    (tmp_path / "sycophancy.yaml").write_text(packaged().replace("outright", "plainly"))
    own = load_rubric("sycophancy", tmp_path)
    assert own.full_version != load_rubric("sycophancy").full_version
    assert own.headline == load_rubric("sycophancy").headline
    assert load_rubric("sycophancy", tmp_path / "none") == load_rubric("sycophancy")


def test_a_word_is_another_version_and_a_comment_is_none(tmp_path, rubric):
    path = tmp_path / "sycophancy.yaml"
    path.write_text("# a comment\n" + packaged())
    assert load_rubric("sycophancy", tmp_path).full_version == rubric.full_version
    path.write_text(packaged().replace("a quibble", "a small quibble"))
    assert load_rubric("sycophancy", tmp_path).full_version != rubric.full_version


@pytest.mark.parametrize(
    "text", ["", "- a list", "name: [", "name: sycophancy\nversion: 1", "\t"], ids=range(5)
)
def test_a_file_that_is_no_rubric_is_refused_by_its_path(tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(RubricError, match=r"mine\.yaml is no rubric"):
        load_rubric("mine", tmp_path)


def test_worked_examples_are_borderline_cases_of_their_levels(rubric):
    for name, behaviour in rubric.behaviours.items():
        levels = {example.level for example in behaviour.examples}
        assert len(levels) >= 2, name
        assert levels <= behaviour.levels.keys()
