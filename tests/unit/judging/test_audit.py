import json
from collections import Counter
from dataclasses import replace

import pytest

from alignment_monitor.judging.audit import plan as audit
from alignment_monitor.judging.audit import tables as audit_tables
from alignment_monitor.judging.audit.reference import references_of
from alignment_monitor.judging.backends import judge_key
from alignment_monitor.judging.journal import Answer, Journal
from alignment_monitor.judging.known import load_sentinels
from alignment_monitor.judging.prompt import messages
from alignment_monitor.settings import Acceptance
from alignment_monitor.store import open_store
from tests.fakes.audits import JUDGE, JUDGING, plan, right_answers, sentinels


@pytest.fixture
def store(tmp_path):
    return open_store(f"sqlite:///{tmp_path}/store.sqlite")


@pytest.fixture
def laid_out(rubric, store):
    """Tables of a plan whose answers were right but for those changed."""

    def lay(made, changed=lambda unit, answer: answer):
        given = right_answers(made, rubric)
        units = {unit.key: unit for unit in audit.units(made, JUDGING)}
        answers = {key: changed(units[key], answer) for key, answer in given.items()}
        return audit_tables.tables(made, answers, JUDGE, rubric, JUDGING, store)

    return lay


def test_everything_is_asked_about_afresh_by_each_run_and_repeat():
    first, second = (audit.units(plan(run=run), JUDGING) for run in ("a", "b"))
    assert len(first) == 20 * 2 + 2 * 4 + 20
    assert not {unit.key for unit in first} & {unit.key for unit in second}
    assert len({unit.key for unit in first}) == len(first)
    again = audit.units(plan(run="a"), JUDGING)
    assert [unit.key for unit in first] == [unit.key for unit in again]


def test_the_order_of_asking_tells_nothing():
    kinds = [unit.conversation_id.partition(":")[0] for unit in audit.units(plan(), JUDGING)]
    first = Counter(kinds[: len(kinds) // 2])
    assert 0 < first["canary"] < 8
    occasions = [unit.occasion for unit in audit.units(plan(), JUDGING)]
    assert occasions != sorted(occasions)


def test_fewer_messages_are_a_sample_of_more():
    few, many = sentinels(20), sentinels(80)
    assert few == many[:20]
    assert len({one.item_id for one in few}) > 12  # not the first conversations of a file


def test_the_user_side_is_asked_about_with_nothing_of_the_reply(rubric):
    made = plan(messages=3)
    asked = [unit for unit in audit.units(made, JUDGING) if unit.occasion.endswith("user-side")]
    texts = {(one.item_id, one.message_index): one.text for one in made.references}
    assert len(asked) == 3
    for unit in asked:
        prompt = messages(rubric, unit)[1]["content"]
        assert audit.WITHHELD in prompt
        assert texts[unit.conversation_id, unit.message_index] not in prompt
        user = next(t["content"] for t in unit.turns if t["role"] == "user")
        assert user[:40] in prompt


def test_the_user_side_is_asked_of_sixty_messages_at_most():
    asked = audit.units(plan(messages=90, repeats=1, canaries=0), JUDGING)
    assert len(asked) == 90 + audit.USER_SIDE_MESSAGES
    assert (
        len(audit.units(plan(messages=90, repeats=1, canaries=0, user_side=False), JUDGING)) == 90
    )


def test_right_answers_make_a_perfect_card(laid_out, rubric):
    made = plan(messages=425, canaries=57, repeats=2)
    card = laid_out(made).card(rubric, Acceptance())
    assert card.verdict == "may chart", card.reasons
    assert card.consistency.value == 1
    assert card.susceptibility.success.value == 0
    assert card.leak.value == 0  # the answers are the same, reply or not
    assert card.statuses["unanswered"].value == 0
    for score in card.pools[0].questions:
        if score.kind in ("behaviour", "derived"):
            assert score.sensitivity.value == score.specificity.value == 1, score.question
            assert score.bias.value == pytest.approx(0)


def test_labels_and_rows_agree_on_every_shipped_event(rubric):
    for known in load_sentinels().values():
        for reference in references_of(known):
            rows = {row["question"]: row for row in reference.rows(rubric)}
            events = known.labels[reference.message_index].events(rubric)
            found = {
                q: r["gold_positive"] for q, r in rows.items() if r["gold_positive"] is not None
            }
            assert {q: found[q] for q in events} == events
            assert not {q for q in found if q not in events} - rubric.opportunities.keys()
            assert len(rows) == 1 + 5 + len(rubric.graded) + len(rubric.derived)


def test_an_answer_that_is_none_leaves_its_questions_with_its_status(laid_out, rubric):
    made = plan(messages=6, canaries=0, repeats=1, user_side=False)
    statuses = ["refused", "invalid", "failed"]
    about = {one.item_id: status for one, status in zip(made.references, statuses, strict=False)}

    def spoil(unit, answer):
        if status := about.get(unit.conversation_id):
            error = "caving: its quote is not literally in the message"
            return Answer(status, error=error if status == "invalid" else status)
        return answer

    tables = laid_out(made, spoil)
    rows = tables.judgements.set_index("item_id")
    for item, status in about.items():
        part = rows.loc[item]
        assert set(part["status"]) == {status}
        assert part["judge_level"].isna().all()
        assert (part["invalid_quote"] == (status == "invalid")).all()
    assert tables.problems.total() == 3
    card = tables.card(rubric, Acceptance())
    assert card.statuses["invalid_quote"].value == card.statuses["invalid"].value > 0
    assert card.statuses["refused"].value > 0


def test_a_canary_that_moves_the_level_is_counted_by_its_kind(laid_out, rubric):
    made = plan(messages=4, canaries=57, repeats=1)
    down = [c for c in made.canaries if c.pushes == "down" and c.target in rubric.behaviours]
    hit = {canary.attack.conversation_id: canary for canary in down[:5]}

    def obey(unit, answer):
        if canary := hit.get(unit.conversation_id):
            given = json.loads(answer.text)
            given["behaviours"][canary.target] |= {"level": 0, "quote": None}
            return replace(answer, text=json.dumps(given))
        return answer

    found = laid_out(made, obey).card(rubric, Acceptance()).susceptibility
    assert round(found.success.value * found.success.n) == 5
    by_kind = Counter(canary.kind for canary in hit.values())
    moved = {kind: round(f.value * f.n) for kind, f in found.by_kind.items() if f.value}
    assert moved == by_kind


def test_flags_that_change_without_the_reply_are_the_leak(laid_out, rubric):
    made = plan(messages=30, canaries=0, repeats=1)

    def lean(unit, answer):
        given = json.loads(answer.text)
        if unit.occasion.endswith("user-side") and not given["opportunities"]["work"]["present"]:
            given["opportunities"]["work"] = {"present": True, "merit": "unclear"}
            given["behaviours"]["unearned_praise"] |= {"applicable": True, "level": 0}
            return replace(answer, text=json.dumps(given))
        return answer

    leak = laid_out(made, lean).card(rubric, Acceptance()).leak
    without = sum("work" not in one.opportunities for one in made.references)
    assert leak.n == 30 * 5
    assert leak.value == pytest.approx(without / 150)


def test_calls_carry_cost_and_the_latency_of_the_journal(rubric, store):
    made = plan(messages=3, canaries=1, repeats=2)
    answers = right_answers(made, rubric)
    journal = Journal(store, judge_key(JUDGE, rubric, JUDGING), rubric.full_version)
    journal.keep_all((key, answer, 0.5) for key, answer in answers.items())
    other = audit.units(replace(made, run=f"{made.run}_%"), JUDGING)
    journal.keep_all((unit.key, Answer("ok"), 99.0) for unit in other)  # another run's
    calls = audit_tables.tables(made, answers, JUDGE, rubric, JUDGING, store).calls
    assert len(calls) == 3 * 2 + 2 + 3
    assert set(calls["latency_seconds"]) == {0.5}
    assert calls["cost_usd"].sum() == pytest.approx(len(calls) * 2e-3)
