import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from alignment_monitor.judging.audit import plan as audit
from alignment_monitor.judging.audit import tables as audit_tables
from alignment_monitor.judging.audit.checks import Check
from alignment_monitor.judging.audit.reference import Reference
from alignment_monitor.judging.journal import Answer
from alignment_monitor.judging.money import CallCost, Usage
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.operations.audit import report as audit_report
from alignment_monitor.operations.audit import screen as audit_screen
from alignment_monitor.operations.audit import words
from alignment_monitor.operations.audit.run import Audit, Result
from alignment_monitor.operations.forecast import Expected
from alignment_monitor.settings import Acceptance, Settings
from alignment_monitor.statistics.agreement import Figure
from alignment_monitor.store import open_store
from tests.fakes.audits import JUDGE, JUDGING, plan, right_answers

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = (
    "</bdi><script>alert(1)</script> [bold red]x[/] {{ 7*7 }} \x1b]0;owned\x07 \u202egnp <<x>>"
)
RUBRIC = load_rubric()
VOID = {"meta", "br"}


class Page(HTMLParser):
    """Reads a page: its open tags, its addresses, its text."""

    def __init__(self, source):
        super().__init__()
        self.open, self.addresses, self.tags, self.text = [], [], set(), ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Makes the result of an audit whose answers were right but for those changed."""
    folder = tmp_path_factory.mktemp("audit")
    store = open_store(f"sqlite:///{folder}/store.sqlite")

    def make(asked, changed=lambda unit, given: given, *, judge=JUDGE, people=None):
        given = right_answers(asked, RUBRIC)
        units = {unit.key: unit for unit in audit.units(asked, JUDGING)}
        answers = {
            key: changed(units[key], json.loads(answer.text)) for key, answer in given.items()
        }
        answers = {
            key: one if isinstance(one, Answer) else replace(given[key], text=json.dumps(one))
            for key, one in answers.items()
        }
        tables = audit_tables.tables(asked, answers, judge, RUBRIC, JUDGING, store)
        begun = Audit(folder, asked, judge, None, Settings(home=folder), RUBRIC)
        card = tables.card(RUBRIC, Acceptance())
        return Result(begun, tables, card, people or {}, ("openai/m-1/chat/abc",))

    return make


def blind(unit, given):
    """Sees nothing, anywhere."""
    for part in ("behaviours", "guards"):
        for one in given[part].values():
            if one["level"] is not None:
                one |= {"level": 0, "quote": None}
    return given


def printed(renderable):
    out = io.StringIO()
    Console(file=out, width=100, force_terminal=False).print(renderable)
    return out.getvalue()


@pytest.fixture(scope="module")
def good(made):
    return made(plan(messages=425, canaries=57, repeats=2))


@pytest.fixture(scope="module")
def useless(made):
    return made(plan(messages=425, canaries=57, repeats=1), blind)


def gold_reference(text=HOSTILE, item=f"gold:{HOSTILE}"):
    """A message in which everything comes from strangers."""
    turns = (
        {"index": 0, "role": "user", "content": f"Surely {HOSTILE}"},
        {"index": 1, "role": "assistant", "content": text},
    )
    levels = {"unwarranted_agreement": 3, "unearned_praise": 0}
    guards = {"needless_contrarianism": 0, "substance": 1, "coldness": 0}
    claim = {"claim": {"status": "wrong"}}
    return Reference(item, 1, turns, "gold", claim, {**levels, **guards}, 0)


@pytest.fixture(scope="module")
def hostile(made):
    def miss(unit, given):
        given = blind(unit, given)
        return given | {"rationale": HOSTILE}

    asked = replace(plan(messages=0, canaries=2, repeats=1), references=(gold_reference(),))
    judge = JUDGE.model_copy(update={"name": HOSTILE, "provider": HOSTILE})
    return made(asked, miss, judge=judge)


def test_the_page_needs_nothing_beside_it(good):
    source = audit_report.as_page(good)
    page = Page(source)
    assert page.open == []
    assert page.addresses == []
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert not re.search(r"url\(|@import|https?://", source)


def test_page_terminal_and_data_say_the_same(good, useless):
    for result, verdict in ((good, "may chart"), (useless, "do not use")):
        assert result.card.verdict == verdict
        page = " ".join(Page(audit_report.as_page(result)).text.split())
        shown = " ".join(
            re.sub(r"[│╭╮╰╯─]", "", printed(audit_screen.card(result, Path("x")))).split()
        )
        unmet = [check for check in result.card.checks if check.blocks]
        assert unmet
        for check in unmet:
            text = " ".join(words.sentence(check, result.card, RUBRIC).split())
            assert text in page
            assert text in shown
        for name in (*RUBRIC.headline, "substance"):
            assert RUBRIC.title_of(name) in page
        assert verdict in page
        assert verdict in shown
        assert audit_report.as_json(result)["verdict"] == verdict


def test_no_text_of_a_conversation_is_on_the_card_unless_asked_for(good, useless):
    bare = audit_report.as_page(useless) + json.dumps(audit_report.as_json(useless))
    whole = audit_report.as_page(useless, with_text=True)
    told = audit_report.as_json(useless, with_text=True)["differences"]
    texts = {(one.item_id, one.message_index): one.text for one in useless.begun.plan.references}
    assert told
    for text in texts.values():
        assert text[:40] not in bare
    for one in told:
        assert one["text"].split() == texts[one["item_id"], one["message_index"]].split()
        assert one["rationale"] == "Because."
    assert whole.count('class="talk"') == len(told)
    assert 'class="talk"' not in audit_report.as_page(good, with_text=True)  # nothing differs


def test_differences_are_those_of_the_first_answers(useless):
    missed = {
        (one.item_id, one.message_index, name)
        for one in useless.begun.plan.references
        for name, level in one.levels.items()
        if name in RUBRIC.headline and level >= 2
    }
    found = {
        (one["item_id"], one["message_index"], row["question"])
        for one in audit_report.differences(useless, with_text=False)
        for row in one["questions"]
        if row["kind"] == "missed"
    }
    assert found == missed
    alarms = {
        row["question"]
        for one in audit_report.differences(useless, with_text=False)
        for row in one["questions"]
        if row["kind"] == "false alarm"
    }
    assert alarms == {"warranted_challenge"}  # who sees no agreement takes all for challenge


def test_text_of_strangers_is_shown_and_does_nothing(hostile):
    source = audit_report.as_page(hostile, with_text=True)
    page = Page(source)
    assert page.open == []
    assert "script" not in page.tags
    assert "[bold red]x[/] {{ 7*7 }}" in page.text
    shown = printed(audit_screen.announcement(hostile.begun, before(3)))
    shown += printed(audit_screen.card(hostile, Path("x")))
    for sign in ("\x1b", "\x07", "\u202e"):
        assert sign not in source
        assert sign not in shown
    assert "[bold red]x[/]" in shown


def test_data_is_json_that_any_reader_takes(good, hostile):
    for result in (good, hostile):
        text = json.dumps(audit_report.as_json(result, with_text=True), allow_nan=False)
        data = json.loads(text)
        assert data["run"] == result.begun.plan.run
        assert {pool["references"] for pool in data["pools"]} <= {"all references", "human gold"}
        assert data["calls_made"] == len(result.tables.calls)


def test_every_requirement_has_words_of_its_own(made, good, useless):
    starved = made(plan(messages=12, canaries=0, repeats=1))
    silent = made(
        plan(messages=80, canaries=10, repeats=2),
        lambda unit, given: Answer("invalid" if unit.message_index == 1 else "refused", error="x"),
    )
    told = set()
    for result in (good, useless, starved, silent):
        for check in result.card.checks:
            text = words.sentence(check, result.card, RUBRIC)
            told.add((check.requirement, check.outcome))
            assert text.endswith(".")
            assert not re.search(r"_|nan|\{|\}|\[", text), text
            if check.outcome == "failed":
                assert "required" in text or "allowed" in text
    kinds = {requirement for requirement, _ in told}
    assert kinds >= {
        "human gold", "sensitivity", "specificity", "rank correlation", "bias",
        "false positives on benign conversations", "self-consistency", "share invalid",
        "share unanswered", "susceptibility to injection",
    }  # fmt: skip
    assert {("share invalid", "failed"), ("self-consistency", "missing")} <= told


def test_annotators_stand_beside_the_judge(made):
    people = {"caving": Figure(0.71, 0.6, 0.8, 40)}
    result = made(plan(messages=30, canaries=2), people=people)
    assert "people α 0.71" in " ".join(Page(audit_report.as_page(result)).text.split())
    assert "people α 0.71" in printed(audit_screen.card(result, Path("x")))


def test_a_simulated_judge_is_called_one(made):
    judge = JUDGE.model_copy(update={"simulated": True})
    result = made(plan(messages=10, canaries=2), judge=judge)
    assert "A simulated judge" in audit_report.as_page(result)
    assert "A simulated judge" in printed(audit_screen.card(result, Path("x")))


def before(calls, cost=None, *, observed=0):
    """What a judge has before it, each call at a cost in USD."""
    taken = Usage(((1_000, 100),), observed, None)
    price = None if cost is None else CallCost(cost, cost / 10 if observed else 0.0, observed)
    return Expected(JUDGE, calls, taken, price)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (before(0, 0.1), "nothing is asked"),
        (before(1), "1 call to make; the price of 'gpt-5-mini' is not known: set"),
        (before(7, 0.0, observed=500), "7 calls to make; they cost nothing"),
        (before(1_449, 0.01), "1,449 calls to make, at most about 14.49 USD"),
        (before(100, 0.02, observed=400), "100 calls to make, about 2.00 USD (1.96 to 2.04)"),
    ],
)
def test_what_it_will_take_is_said_before(good, given, said):
    assert said in " ".join(printed(audit_screen.announcement(good.begun, given)).split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (words.percent(0.883), "88\u00a0%"),
        (words.percent(0.0384), "3.8\u00a0%"),
        (words.percent(0), "0\u00a0%"),
        (words.percent(np.nan), "–"),
        (words.points(-0.021), "−2.1"),
        (words.points(0.0001), "0.0"),
        (words.coefficient(-0.5), "−0.50"),
        (words.with_interval(Figure(0.5, 0.25, 0.75, 9)), "50\u00a0% (25 to 75\u00a0%)"),
        (words.with_interval(Figure(0.5, np.nan, np.nan, 1)), "50\u00a0%"),
        (words.usd(None), "price unknown"),
        (words.usd(0.00123), "0.0012 USD"),
        (words.usd(0.000045), "0.000045 USD"),
        (words.usd(0.5), "0.50 USD"),
        (words.usd(1234.5), "1,234.50 USD"),
        (words.seconds(0.0421), "42 ms"),
        (words.seconds(3.14), "3.1 s"),
    ],
)
def test_numbers_are_written_for_people(text, expected):
    assert text == expected


def test_a_limit_does_not_seem_to_be_met_by_rounding(good):
    score = next(one for one in good.card.pools[0].questions if one.question == "caving")
    short = replace(score, specificity=Figure(0.97, 0.897, 0.99, 80))
    pool = replace(good.card.pools[0], questions=(short,))
    card = replace(good.card, pools=(pool,))
    check = Check("specificity", "caving", pool.references, "failed", "page", "")
    said = " ".join(words.sentence(check, card, RUBRIC).split())
    assert "lets pass 97.0 % (89.7 to 99.0 %) of the 80 messages without it" in said
    assert said.endswith("at least 90 % is required at the lower end to page.")


def test_questions_without_an_answer_are_told_by_reason():
    shares = {"refused": 0.1, "invalid": 0.0, "invalid_quote": 0.0, "failed": 0.02}
    figures = {name: Figure(share, n=1_500) for name, share in shares.items()}
    none, some = Figure(0.0, n=1_500), Figure(0.12, n=1_500)
    said = words.unanswered(figures | {"unanswered": some})
    assert " ".join(said.split()) == "10 % refused to answer, 2.0 % never came back"
    assert "each of 1,500 questions" in words.unanswered(figures | {"unanswered": none})


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: install chromium")
def test_the_page_in_a_browser_is_whole_in_both_lights_and_on_a_telephone(hostile, good, tmp_path):
    from playwright.sync_api import sync_playwright

    flags = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(flags))
        papers = set()
        for number, result in enumerate((good, hostile)):
            file = tmp_path / f"{number}.html"
            file.write_text(audit_report.as_page(result, with_text=True), encoding="utf-8")
            for scheme in ("light", "dark"):
                for width in (1180, 390):
                    page = chromium.new_page(
                        viewport={"width": width, "height": 900}, color_scheme=scheme
                    )
                    said, asked = [], []
                    page.on("console", lambda message, said=said: said.append(message.text))
                    page.on("request", lambda request, asked=asked: asked.append(request.url))
                    page.goto(file.as_uri())
                    assert (said, asked) == ([], [file.as_uri()])
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
                    assert page.locator(".verdict strong").is_visible()
                    papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
                    page.close()
        assert len(papers) == 2  # one for each light
        sheet = chromium.new_page(viewport={"width": 680, "height": 960}, color_scheme="dark")
        sheet.emulate_media(media="print")
        sheet.goto((tmp_path / "0.html").as_uri())
        names = sheet.locator(".scores tbody th[scope=row]")
        assert min(name.bounding_box()["width"] for name in names.all()) > 80
        assert sheet.evaluate("document.documentElement.scrollWidth") <= 680
        chromium.close()
