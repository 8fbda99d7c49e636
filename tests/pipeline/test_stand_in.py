"""A judge of another family stands in for people: asked of a few messages, once, and believed."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from alignment_monitor.contracts import STAND_IN_LABELS, VERDICTS
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.resources.detector import read_stored
from alignment_monitor.resources.lake import Lake
from alignment_monitor.resources.stand_in import questions_of, stand_in_evidence
from alignment_monitor.settings import SettingsError, load
from tests.pipeline import homes
from tests.pipeline.drifting import MADE_HERE, run_graph, talks
from tests.pipeline.lake_factory import FIRST, write_day

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("alerting")]

DAYS = [FIRST + timedelta(days=number) for number in range(3)]
AFTER = DAYS[-1] + timedelta(days=1)
HOME = """\
first_day: {first}
detection: {{baseline_days: 14, behaviours: [unwarranted_agreement, substance]}}
judging:
  sentinels_per_day: 0
  canaries_per_day: 0
  stand_in_messages_per_day: 12
  stand_in: {{name: other, model: simulated-judge, base_url: "{address}", simulated: true,
    api_key_variable: SIMULATED_JUDGE_KEY}}
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Three days, run at once; the stand-in finds nothing in any message, the judge in a tenth."""
    path = tmp_path_factory.mktemp("stand-in")
    with homes.ignorant_judge(path) as address:
        (path / "monitor.yaml").write_text(HOME.format(first=FIRST, address=address))
        settings = load(path)
        lake = Lake(settings.lake)
        rubric = load_rubric(settings.judging.rubric, settings.rubrics)
        for number, day in enumerate(DAYS):
            write_day(settings.lake, day, talks(number, drifted=False))
            verdicts = lake.read(VERDICTS, [day])
            version = pa.array([rubric.full_version] * len(verdicts))
            place = verdicts.schema.get_field_index("rubric_version")
            lake.write(VERDICTS, day, verdicts.set_column(place, "rubric_version", version))
        run_graph(path, DAYS[0], DAYS[-1], MADE_HERE)
        calls = path / "requests.jsonl"
        first = calls.read_text().count("\n"), homes.row_tables(path)
        run_graph(path, DAYS[0], DAYS[-1], MADE_HERE)
        second = calls.read_text().count("\n"), homes.row_tables(path)
    return settings, rubric, first, second


def test_each_day_a_few_messages_are_asked_about_once(asked):
    settings, _, (calls, tables), (calls_again, tables_again) = asked
    rows = Lake(settings.lake).read(STAND_IN_LABELS, DAYS).to_pylist()
    messages = {(row["day"], row["conversation_id"], row["message_index"]) for row in rows}
    assert {day for day, *_ in messages} == set(DAYS)
    assert 3 * 6 <= len(messages) <= 3 * 20
    assert 0 < calls <= len(messages), "equal texts are asked about once"
    assert (calls_again, tables_again) == (calls, tables)


def test_answers_count_from_the_day_after_the_run_that_asked(asked):
    settings, rubric, *_ = asked
    lake = Lake(settings.lake)
    assert stand_in_evidence(settings, rubric, lake, DAYS[-1]).empty
    known = stand_in_evidence(settings, rubric, lake, AFTER)
    mine = known[known["behaviour"] == "unwarranted_agreement"]
    assert (mine["event"] == 0).all(), "it saw nothing, whatever the judge saw"
    assert mine["flagged"].any(), "verdicts stay the judge's own"
    assert not mine["flagged"].all()
    assert set(mine["labelled_on"]) == {AFTER}


def test_the_detector_takes_it_in_place_of_people(asked):
    settings, rubric, *_ = asked
    labels = read_stored(settings, rubric, AFTER).labels
    assert len(labels) == len(stand_in_evidence(settings, rubric, Lake(settings.lake), AFTER)) > 0


def test_a_burst_asks_about_other_messages_than_the_daily_draw(asked):
    settings, rubric, *_ = asked
    day = DAYS[1]
    daily = questions_of(settings, rubric, day, [])
    with_burst = questions_of(settings, rubric, day, [("model", "unwarranted_agreement", "all")])
    added = {place: why for place, why in with_burst.items() if place not in daily}
    assert {place: with_burst[place] for place in daily} == daily
    assert {why.batch for why in added.values()} == {f"model/unwarranted_agreement/@{day}"}
    assert {why.batch_size for why in added.values()} == {len(added)}
    assert len(with_burst) == 40, "all that is left of the day: a burst would take more"


def test_a_burst_that_costs_too_much_waits(asked):
    settings, rubric, *_ = asked
    judging = settings.judging.model_copy(update={"calls_per_day": 15})
    poor = settings.model_copy(update={"judging": judging})
    asked_for = [("model", "unwarranted_agreement", "all")]
    assert questions_of(poor, rubric, DAYS[0], asked_for) == questions_of(poor, rubric, DAYS[0], [])


def test_a_day_without_verdicts_asks_nothing(asked):
    settings, rubric, *_ = asked
    assert questions_of(settings, rubric, date(2020, 1, 1), []) == {}


@pytest.mark.parametrize(
    ("stand_in", "problem"),
    [
        ("{name: judge, model: x}", "no judge has"),
        ("{name: other, model: gpt-5-mini}", "no judge has"),
        ("{name: other, model: x, batch: true}", "asked at once"),
        ("{name: other, model: x, backend: decisions}", "asked at once"),
    ],
)
def test_a_judge_cannot_vouch_for_itself(tmp_path, stand_in, problem):
    (tmp_path / "monitor.yaml").write_text(f"judging:\n  stand_in: {stand_in}\n")
    with pytest.raises(SettingsError, match=problem):
        load(tmp_path)
