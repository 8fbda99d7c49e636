import json
import math
import os
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.contracts import CONVERSATIONS, JUDGING_SAMPLE, VERDICTS
from alignment_monitor.judging.journal import Answer
from alignment_monitor.judging.known import of_day
from alignment_monitor.judging.money import Usage
from alignment_monitor.judging.panel import open_journal
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.judging.verdicts import verdict_rows
from alignment_monitor.judging.window import make_unit
from alignment_monitor.operations.forecast import forecast, forecast_days, ordinary_day
from alignment_monitor.operations.workload import Day, Messages
from alignment_monitor.resources.lake import Lake
from alignment_monitor.settings import Judge
from alignment_monitor.sources.inbox import import_file
from alignment_monitor.store import open_store

DAY = date(2026, 5, 4)
SET = {"usd_per_million_prompt_tokens": 1.0, "usd_per_million_completion_tokens": 10.0}
REAL = Judge(name="first", concurrency=4, **SET)
OTHER = Judge(name="second", concurrency=4, **SET)
UNPRICED = Judge(name="third", model="nobody-knows-me")
SIMULATED = Judge(name="simulated", simulated=True)
TAKEN = Usage(((1_000, 100), (3_000, 300)) * 100, 200, 2.0)
GUESSED = Usage(((9_000, 2_000),), 0, None)

NUMBERS = st.integers(0, 600)
DAYS = st.lists(
    st.builds(
        lambda known, drawn, one, other, rate: Day(
            Messages(known, drawn),
            {"first": Messages(min(one, known), min(other, drawn))},
            rate,
        ),
        NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.floats(0.01, 1),
    ),
    max_size=8,
)  # fmt: skip


@given(DAYS, st.integers(1, 800))
def test_each_message_is_asked_once_and_never_more_than_the_budget_allows(days, allowed):
    found = forecast(days, [(REAL, TAKEN), (OTHER, TAKEN)], allowed)
    first, second = (one.calls for one in found.judges)
    assert 0 <= first <= second  # the second has answered nothing yet
    assert second == found.known + found.drawn
    assert second <= allowed * len(days)
    assert found.known == sum(min(day.wanted.known, allowed // 2) for day in days)
    assert found.drawn + found.over_budget == sum(day.wanted.drawn for day in days)
    assert found.calls == first + second


@given(DAYS, st.integers(1, 800), st.integers(0, 400))
def test_more_budget_is_never_fewer_calls(days, allowed, more):
    low = forecast(days, [(REAL, TAKEN)], allowed)
    high = forecast(days, [(REAL, TAKEN)], allowed + more)
    assert low.calls <= high.calls
    assert low.over_budget >= high.over_budget


@given(DAYS, st.integers(1, 800))
def test_tokens_money_and_its_range_follow_from_the_calls(days, allowed):
    found = forecast(days, [(REAL, TAKEN), (OTHER, TAKEN)], allowed)
    for one in found.judges:
        assert one.prompt_tokens == pytest.approx(one.calls * 2_000)
        assert one.completion_tokens == pytest.approx(one.calls * 200)
        assert one.usd == pytest.approx(one.calls * 0.004)
        low, high = one.usd_range
        assert 0 <= low <= one.usd <= high
        assert (low < high) == (one.calls > 0)
    assert found.usd == pytest.approx(sum(one.usd for one in found.judges))
    assert found.usd_range[1] == pytest.approx(sum(one.usd_range[1] for one in found.judges))


def test_the_range_is_two_standard_deviations_of_costs_mean_and_drawing():
    found = forecast([Day(Messages(0, 300), rate=0.25)], [(REAL, TAKEN)], 2_000)
    s, m, n, observed = 0.002 * math.sqrt(200 / 199), 0.004, 300, 200
    expected = math.sqrt(s**2 * (n + n**2 / observed) + m**2 * n * 0.75)
    assert found.usd_range == pytest.approx((n * m - 2 * expected, n * m + 2 * expected))
    drawn = forecast([Day(Messages(0, 300))], [(REAL, TAKEN)], 2_000)
    cut = forecast([Day(Messages(0, 900), rate=0.25)], [(REAL, TAKEN)], 300)
    assert cut.usd_range == pytest.approx(drawn.usd_range)  # the number of calls is fixed there
    assert drawn.usd_deviation < found.usd_deviation


def test_a_price_that_is_not_known_is_named_and_the_total_is_unknown():
    found = forecast([Day(Messages(5, 10))], [(REAL, TAKEN), (UNPRICED, TAKEN)], 100)
    assert [one.usd for one in found.judges] == [pytest.approx(0.06), None]
    assert found.usd is None
    (advice,) = found.unknown_prices
    assert "'nobody-knows-me'" in advice
    assert "usd_per_million_prompt_tokens" in advice
    assert "'third'" in advice


def test_simulated_judges_spend_nothing():
    found = forecast([Day(Messages(5, 10))], [(SIMULATED, TAKEN)], 100)
    assert [one.calls for one in found.judges] == [15]
    assert (found.calls, found.usd, found.paid) == (0, 0, ())


def test_a_guess_has_no_range_and_is_said_to_be_one():
    found = forecast([Day(Messages(5, 10), rate=0.5)], [(REAL, GUESSED)], 100)
    assert found.guessed
    assert found.usd == pytest.approx(15 * 0.029)
    assert found.usd_deviation == 0
    assert not forecast([Day(Messages(5, 10))], [(REAL, TAKEN)], 100).guessed


@pytest.mark.parametrize(
    ("limits", "taken", "seconds"),
    [
        ({}, TAKEN, 300 / 4 * 2.0),
        ({"requests_per_minute": 60}, TAKEN, 300),
        ({"requests_per_minute": 6_000}, TAKEN, 150),
        # 2,000 read and room for 2,000 written
        ({"tokens_per_minute": 400_000}, TAKEN, 300 * 4_000 / 400_000 * 60),
        ({"requests_per_minute": 60}, GUESSED, 300),
        ({}, GUESSED, None),
        ({"batch": True}, TAKEN, None),
    ],
)
def test_the_time_is_that_of_the_tightest_limit(limits, taken, seconds):
    judge = REAL.model_copy(update=limits)
    (one,) = forecast([Day(Messages(100, 200))], [(judge, taken)], 2_000).judges
    assert one.seconds == (None if seconds is None else pytest.approx(seconds))


JUDGING = """\
sampling: {messages_per_day: 20}
judging:
  sentinels_per_day: 10
  canaries_per_day: 2
  calls_per_day: 200
  judges:
    - {name: first, model: gpt-5-mini}
"""


class Home:
    """A home whose days are written as the pipeline writes them."""

    def __init__(self, settings, folder):
        self.settings, self.folder = settings, folder
        self.lake, self.rubric = Lake(settings.lake), load_rubric()
        self.store = open_store(settings.store_url)
        self.design = settings.digest("sampling", "random_key") + "/boosts"

    def forecast(self, first=DAY, last=DAY, **judging):
        changed = self.settings.judging.model_copy(update=judging)
        settings = self.settings.model_copy(update={"judging": changed})
        return forecast_days(settings, self.rubric, self.store, first, last)

    def bring(self, conversations, day=DAY, *, replies=1, start=0, refused=0, user=None):
        """Imports conversations, each with so many replies; of a user each, unless one is named."""
        exchange = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
        records = [
            {"id": f"c{number}", "model": "m-1", "created": f"{day}T00:00:01Z",
             "messages": exchange * replies, **({"user": user} if user else {})}
            for number in range(start, start + conversations)
        ]  # fmt: skip
        bad = [{**record, "id": f"bad{n}", "model": None} for n, record in enumerate(records)]
        path = self.folder / f"{day}-{start}.jsonl"
        path.write_text("\n".join(map(json.dumps, records + bad[:refused])))
        import_file(
            path,
            self.settings,
            now=datetime.now(UTC),
            replay_days=None,
            last_day=day,
            deployment=None,
            deployment_order=None,
        )

    def build(self, conversations, drawn, *, over_budget=0, day=DAY):
        """Writes conversations and sample; gives the units to be asked about."""
        given = [
            (known.dated(day), index, known.conversation_id.partition(":")[0])
            for known in of_day(day, sentinels=10, canaries=2, key=self.settings.random_key)
            for index in known.labels
        ]
        traffic = [(f"c{number}", 1, "estimate") for number in range(conversations)]
        rows = [_conversation(day, *one) for one in (*given, *traffic)]
        unique = {row["conversation_id"]: row for row in rows}
        self.lake.write(CONVERSATIONS, day, CONVERSATIONS.table(list(unique.values())))
        sampled = [*given, *traffic[: drawn + over_budget]]
        kept = len(given) + drawn
        self.lake.write(
            JUDGING_SAMPLE,
            day,
            JUDGING_SAMPLE.table(
                [_sampled(day, *one, n >= kept, self.design) for n, one in enumerate(sampled)]
            ),
        )
        return [self.unit(day, *one) for one in sampled[:kept]]

    def unit(self, day, name, index, purpose):
        judging = self.settings.judging
        return make_unit(
            name,
            index,
            _conversation(day, name, index, purpose)["turns"],
            context_messages=judging.context_messages,
            max_tokens=judging.context_tokens,
            occasion="" if purpose == "estimate" else day.isoformat(),
        )

    def judge(self, units, statuses, day=DAY):
        """Writes verdicts: a status for each unit, the last one for all that are left."""
        answers = {
            unit.key: Answer(statuses[min(n, len(statuses) - 1)], "m")
            for n, unit in enumerate(units)
        }
        rows = [
            row
            for judge in self.settings.judging.judges
            for row in verdict_rows(day, units, answers, judge, self.rubric, self.settings.judging)
        ]
        self.lake.write(VERDICTS, day, VERDICTS.table(rows))

    def journal(self, units):
        """Keeps answers, as a run does that is killed before it writes its verdicts."""
        judging = self.settings.judging
        journal = open_journal(judging.judges[0], self.rubric, judging, self.store)
        journal.keep_all((unit.key, Answer("refused", "m"), 1.0) for unit in units)


def _conversation(day, name, index, purpose):
    began = datetime.combine(day, datetime.min.time(), UTC)
    turns = [
        {"index": n, "role": "assistant" if n % 2 else "user", "content": f"{name} {n}",
         "created_at": began}
        for n in range(max(2, index + 1))
    ]  # fmt: skip
    turns[index]["role"] = "assistant"
    return {
        "day": day, "conversation_id": name,
        "source": "inbox" if purpose == "estimate" else purpose,
        "started_at": began, "ended_at": began, "deployment": "m-1", "deployment_family": "m",
        "user_key": name, "segments": {}, "segment": "all", "turns": turns, "feedback": None,
        "redactions": 0, "content_hash": name, "eligible": True, "ineligible_reason": None,
    }  # fmt: skip


def _sampled(day, name, index, purpose, over, design):
    return {
        "day": day, "conversation_id": name, "message_index": index, "deployment": "m-1",
        "deployment_family": "m", "segment": "all", "user_key": name, "bucket": "plain",
        "stratum": "m-1|all|plain", "conversation_probability": 0.5, "message_probability": 1.0,
        "inclusion_probability": 0.5, "sampling_number": 0.1, "purpose": purpose,
        "status": "over_budget" if over else "selected", "design_version": design,
    }  # fmt: skip


@pytest.fixture
def at_home(configured, tmp_path):
    return Home(configured(JUDGING), tmp_path)


@pytest.fixture
def given_known(at_home):
    """How many known messages the day has."""
    chosen = of_day(DAY, sentinels=10, canaries=2, key=at_home.settings.random_key)
    return sum(len(known.labels) for known in chosen)


@pytest.mark.parametrize(("conversations", "drawn"), [(0, 0), (7, 7), (300, 20)])
def test_a_day_that_was_not_run_is_counted_in_the_inbox(at_home, given_known, conversations, drawn):
    if conversations:
        at_home.bring(conversations, refused=min(3, conversations))
    found = at_home.forecast()
    assert (found.known, found.drawn) == (given_known, drawn)
    assert found.calls == given_known + drawn


def test_of_a_conversation_as_many_messages_count_as_may_be_drawn(at_home, given_known):
    at_home.bring(5, replies=3)
    at_home.bring(5, replies=2, start=3)  # c3 and c4 came twice
    assert at_home.forecast().drawn == 8
    wider = {"messages_per_conversation": 4, "messages_per_day": 100}
    sampling = at_home.settings.sampling.model_copy(update=wider)
    settings = at_home.settings.model_copy(update={"sampling": sampling})
    found = forecast_days(settings, at_home.rubric, at_home.store, DAY, DAY)
    assert found.drawn == 5 * 3 + 3 * 2


def test_of_a_user_as_many_messages_count_as_may_be_drawn(at_home, given_known):
    at_home.bring(9, user="loud")
    at_home.bring(4, start=9)
    assert at_home.forecast().drawn == 3 + 4
    sampling = at_home.settings.sampling.model_copy(update={"messages_per_user_per_day": None})
    settings = at_home.settings.model_copy(update={"sampling": sampling})
    assert forecast_days(settings, at_home.rubric, at_home.store, DAY, DAY).drawn == 13


def test_days_without_traffic_still_ask_about_what_is_known(at_home):
    at_home.bring(4, day=DAY + timedelta(days=2))
    found = at_home.forecast(DAY, DAY + timedelta(days=2))
    assert found.days == 3
    assert found.drawn == 4
    assert found.known >= 3 * 14


def test_a_simulated_world_counts_by_its_settings(configured):
    settings = configured(
        JUDGING + f"sources: [{{kind: simulation, first_day: {DAY}, days: 2, "
        "conversations_per_day: 9}]\n"
    )
    found = forecast_days(
        settings, load_rubric(), open_store(settings.store_url), DAY, DAY + timedelta(days=3)
    )
    assert found.drawn == 18


def test_a_day_that_was_judged_costs_nothing(at_home):
    at_home.bring(30)
    at_home.judge(at_home.build(30, 17), ["refused", "invalid"])
    found = at_home.forecast()
    assert found.drawn == 17  # as it was drawn, not what is drawn on average
    assert found.calls == 0


def test_what_failed_or_is_awaited_is_asked_again(at_home, given_known):
    at_home.bring(30)
    units = at_home.build(30, 17)
    at_home.judge(units, ["failed", "awaiting", "failed", "refused"])
    assert at_home.forecast().calls == 3


@pytest.mark.parametrize(
    "changed", [{"model": "gpt-5-nano"}, {"temperature": 0.0}, {"backend": "responses"}]
)
def test_another_judge_is_asked_about_everything(at_home, given_known, changed):
    at_home.bring(30)
    at_home.judge(at_home.build(30, 17), ["refused"])
    judge = at_home.settings.judging.judges[0]
    for update, calls in ((changed, given_known + 17), ({"name": "renamed"}, 0)):
        judges = (judge.model_copy(update=update),)
        assert at_home.forecast(judges=judges).calls == calls


def test_a_larger_budget_takes_up_what_was_left_out(at_home, given_known):
    at_home.bring(30)
    at_home.judge(at_home.build(30, given_known, over_budget=9), ["refused"])
    allowed = 2 * given_known  # known messages take at most half
    assert at_home.forecast(calls_per_day=allowed).calls == 0
    assert at_home.forecast(calls_per_day=allowed).over_budget == 9
    assert at_home.forecast(calls_per_day=allowed + 4).calls == 4
    assert at_home.forecast(calls_per_day=allowed - 4).calls == 0
    assert at_home.forecast(calls_per_day=1_000).calls == 9


def test_late_conversations_cost_their_share(at_home):
    at_home.bring(100)
    at_home.judge(at_home.build(100, 20), ["refused"])
    assert at_home.forecast().calls == 0
    at_home.bring(100, start=100)  # the rate falls by half, and so does what is drawn again
    assert at_home.forecast().calls == 10


def test_a_change_of_the_design_draws_again(at_home):
    at_home.bring(100)
    at_home.design = "another"
    at_home.judge(at_home.build(100, 10), ["refused"])
    assert at_home.forecast().calls == 10  # 20 are drawn now, and the 10 are among them


def test_a_run_that_was_killed_has_paid_for_what_the_journal_has(at_home, given_known):
    at_home.bring(30)
    units = at_home.build(30, 17)
    assert at_home.forecast().calls == given_known + 17
    at_home.journal(units[:5] + units[-3:])
    assert at_home.forecast().calls == given_known + 17 - 8
    at_home.judge(units[:5], ["refused"])
    verdicts = at_home.lake.path(VERDICTS, DAY)
    os.utime(verdicts, (1, 1))  # those of an earlier sample
    assert at_home.forecast().calls == given_known + 17 - 8


def test_a_conversation_built_after_its_sample_is_no_ground_to_look_at_it(at_home, given_known):
    at_home.bring(30)
    at_home.build(30, 17)
    os.utime(at_home.lake.path(JUDGING_SAMPLE, DAY), (1, 1))
    assert at_home.forecast().calls == given_known + 17


def test_an_ordinary_day_and_the_most_it_can_take(at_home):
    usual, most = ordinary_day(at_home.settings, at_home.rubric, at_home.store)
    assert (usual.known, usual.drawn) == (14, 20)
    assert most.calls == 200
