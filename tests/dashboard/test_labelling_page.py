"""The Labelling page: what it shows, and that the keyboard alone fills a label."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import access
import pytest
import visitor

from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.operations.labelling.desk import Desk
from alignment_monitor.operations.labelling.files import export_labels
from alignment_monitor.operations.labelling.order import worth
from alignment_monitor.settings import load
from alignment_monitor.sources.label_rows import options, questions
from alignment_monitor.store import database, open_store
from alignment_monitor.store.labels import current_labels, labelled_by, queued
from tests.dashboard.sample_marts import Sample, write
from tests.dashboard.sample_store import write_queue
from tests.dashboard.serving import IN_CHROMIUM, serve
from tests.dashboard.test_pages import HOSTILE, markup, opened, said

PAGE = "views/labelling.py"
RUBRIC = load_rubric()
SAMPLE = Sample(days=3, talks_per_day=4, drift=False)
SEVERAL = "labelling:\n  double_label_share: 1.0\n"


@pytest.fixture
def queue(tmp_path, use_home):
    """A home with eight queued messages, each to be labelled by two."""
    use_home(tmp_path, SAMPLE)
    (tmp_path / "monitor.yaml").write_text(SEVERAL)
    write_queue(tmp_path, 8, bursts=2)
    return tmp_path


def label(home, who, levels, n=3):
    """Label the next messages of somebody, each alike."""
    settings = load(home)
    store = open_store(settings.store_url)
    desk = Desk(settings, RUBRIC, store, who, datetime.now(UTC))
    for _ in range(n):
        item = desk.next(worth(settings, RUBRIC, store))
        given = {"stance": 0, "opportunities": {"claim": {}}, "levels": levels}
        desk.save(item.key, given, RUBRIC.full_version)
    store.dispose()


def asked(app):
    """What the form was given."""
    (form,) = app.get("bidi_component")
    return json.loads(form.proto.json)


def test_nobody_labels_without_a_name(queue):
    app = opened(PAGE)
    assert "Type your name first" in said(app)
    assert not app.get("bidi_component")


def test_a_message_is_shown_blind_with_every_question_of_the_rubric(queue):
    app = opened(PAGE, annotator="ann")
    shown, given = said(app), asked(app)
    assert "judged message" in shown
    assert "Here are the three decisions" in shown or "Once a tree" in shown
    for secret in ("aurora", "Aurora", "c-0", "2026-09", "UTC", "positive", "estimate"):
        assert secret not in shown, secret
        assert secret not in json.dumps(given), secret
    assert [one["name"] for one in given["questions"]] == list(questions(RUBRIC))
    for one in given["questions"]:
        if one["kind"] != "opportunity":
            values = [str(option["value"]) for option in one["options"]]
            assert values == list(options(one["name"], RUBRIC))
            keys = [option["key"] for option in one["options"]]
            assert len(set(keys)) == len(keys)
    letters = [one["key"] for one in given["questions"] if one["kind"] == "opportunity"]
    assert letters == ["l", "w", "o", "p", "v"]


def test_progress_and_agreement_are_told_with_intervals_and_n(queue):
    label(queue, "ann", {"unwarranted_agreement": 2, "substance": 3})
    label(queue, "ben", {"unwarranted_agreement": 0, "substance": 3})
    text = said(opened(PAGE, annotator="ann", view="Progress"))
    assert "6 labels of 16 wanted are given (38 %)" in text
    assert "Caving of aurora" in text
    assert "Krippendorff" in text
    assert ">3<" in text


def test_agreement_knows_of_an_answer_that_was_taken_back(queue):
    for who in ("ann", "ben"):
        label(queue, who, {"unwarranted_agreement": 2, "substance": 3})
    assert "Substance" in said(opened(PAGE, annotator="ann", view="Progress"))
    settings = load(queue)
    store = open_store(settings.store_url)
    desk, key = Desk(settings, RUBRIC, store, "ann", datetime.now(UTC)), None
    while item := desk.before(key):
        key = item.key
        said_now = {"stance": 0, "opportunities": {"claim": {}}}
        desk.save(key, said_now | {"levels": {"unwarranted_agreement": 2}}, RUBRIC.full_version)
    store.dispose()
    assert "Substance" not in said(opened(PAGE, annotator="ann", view="Progress"))


def test_differences_stand_side_by_side_and_the_form_holds_what_is_agreed(queue):
    label(queue, "ann", {"unwarranted_agreement": 2, "substance": 3}, n=1)
    label(queue, "ben", {"unwarranted_agreement": 0, "substance": 3}, n=1)
    app = opened(PAGE, annotator="cy", view="Differences")
    assert "1 message on which annotators differ, and 0 settled" in said(app)
    given = asked(app)
    assert (given["mode"], given["differing"]) == ("final", ["unwarranted_agreement"])
    assert given["answers"]["substance"] == 3
    assert "unwarranted_agreement" not in given["answers"]


def test_a_file_is_checked_line_by_line_and_what_is_right_is_kept(queue, monkeypatch):
    app = opened(PAGE, annotator="ann", view="Files")
    assert [button.label for button in app.get("download_button")] == [
        "Download 8\u00a0messages"
    ]  # fmt: skip
    settings = load(queue)
    store = open_store(settings.store_url)
    lines = export_labels(settings, RUBRIC, store, "jsonl", queue=True).text.splitlines()
    right, wrong = json.loads(lines[0]), json.loads(lines[1])
    right["labels"][0] |= {"opportunities": {}, "stance": 1}
    wrong["labels"][0] |= {"opportunities": {}, "stance": 7}
    text = "\n".join(map(json.dumps, (right, wrong)))
    app.get("file_uploader")[0].upload("labels.jsonl", text.encode(), "application/json").run()
    app.button(key="labels-bring").click().run()
    told = said(app)
    assert "1 label new" in told
    assert "labels.jsonl:2" in told
    assert "stance" in told
    assert [set(names) for names in labelled_by(store, RUBRIC.full_version).values()] == [{"ann"}]
    store.dispose()


@pytest.mark.parametrize("role", ["annotator", "operator"])
def test_who_is_signed_in_brings_labels_in_anothers_name_only_as_operator(role, queue, monkeypatch):
    mine = "ann@example.org"
    monkeypatch.setattr(visitor, "current", lambda: access.Person(mine, role))
    label(queue, "ben", {"unwarranted_agreement": 3, "substance": 3}, n=1)
    settings = load(queue)
    store = open_store(settings.store_url)
    line = json.loads(export_labels(settings, RUBRIC, store, "jsonl", queue=False).text)
    (said_by_ben,) = line["labels"]
    line["labels"] = [said_by_ben | {"annotator": name, "stance": 2} for name in ("ben", mine)]
    app = opened(PAGE, view="Files")
    upload = app.get("file_uploader")[0]
    upload.upload("labels.jsonl", json.dumps(line).encode(), "application/json").run()
    app.button(key="labels-bring").click().run()
    told = said(app)
    assert ("somebody else’s name" in told) == (role == "annotator")
    assert ("1 changed" in told) == (role == "operator")
    assert "1 label new" in told
    store.dispose()


def test_where_nothing_waits_more_is_drawn_until_all_is(tmp_path, use_home):
    use_home(tmp_path, SAMPLE)
    (tmp_path / "monitor.yaml").write_text("labelling:\n  double_label_share: 0\n")
    open_store(load(tmp_path).store_url).dispose()
    app = opened(PAGE, annotator="ann")
    assert "Nothing is queued" in said(app)
    assert "alignment-monitor labels queue" in said(app)
    app.button(key="labels-draw").click().run()
    assert asked(app)["item"]
    assert "Still wanted of all: 12 labels" in said(app)
    label(tmp_path, "ann", {"unwarranted_agreement": 2, "substance": 3}, n=12)
    app = opened(PAGE, annotator="ann")
    assert "Nothing waits for you" in said(app)
    app.button(key="labels-draw").click().run()
    assert "what was judged in the last seven days is in the queue already" in said(app)
    assert "Nothing was drawn" not in said(app.run()), "it is said once"


def test_a_draw_that_cannot_be_says_why(tmp_path, use_home, monkeypatch):
    use_home(tmp_path, SAMPLE)
    open_store(load(tmp_path).store_url).dispose()
    app = opened(PAGE, annotator="ann")
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)) as other:
        other.execute("begin immediate")
        app.button(key="labels-draw").click().run()
    text = said(app.run())
    assert "Nothing was drawn" in text
    assert "in use by another process" in text
    for file in (tmp_path / "marts" / "judged_messages").glob("*.parquet"):
        file.unlink()
    app = opened(PAGE, annotator="ann")
    app.button(key="labels-draw").click().run()
    assert "Nothing was drawn: no message of those days was judged" in said(app)


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("annotator", True)])
def test_only_who_may_label_may_draw(role, may, tmp_path, use_home, monkeypatch):
    use_home(tmp_path, SAMPLE)
    store = open_store(load(tmp_path).store_url)
    monkeypatch.setattr(visitor, "current", lambda: access.Person("ann@example.org", "annotator"))
    app = opened(PAGE)
    monkeypatch.setattr(visitor, "current", lambda: access.Person("ann@example.org", role))
    app.button(key="labels-draw").click().run()
    assert bool(queued(store)) == may
    store.dispose()


def test_a_store_that_another_process_holds_is_told_and_not_broken(queue, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(queue / "store.sqlite", isolation_level=None)) as other:
        other.execute("begin immediate")
        app = opened(PAGE, annotator="ann")
    assert [error.value for error in app.error] == ["No message can be given to you now."]
    assert "in use by another process" in said(app)
    assert asked(app.run())["item"]


def test_what_strangers_write_stays_text(tmp_path, use_home):
    use_home(tmp_path, Sample(days=3, talks_per_day=2, text=HOSTILE, drift=False))
    write_queue(tmp_path, 2)
    shown = markup(opened(PAGE, annotator=HOSTILE[:90]))
    assert "&lt;img src=x" in shown
    assert "<img" not in shown
    assert "<script" not in shown


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    home = write(tmp_path_factory.mktemp("labelled"), SAMPLE)
    write_queue(home, 4)
    with serve(home) as address:
        yield home, address


class TestInChromium:
    pytestmark = IN_CHROMIUM

    def test_the_keyboard_alone_fills_notes_skips_and_goes_back(self, served, browser):
        home, address = served
        page = browser.new_page(viewport={"width": 400, "height": 900})
        page.set_default_timeout(40_000)
        page.goto(f"{address}/labelling?annotator=ann")
        form, status = page.locator(".form"), page.locator(".form [role=status]")

        def shown(but=""):
            page.locator(
                f".form[data-item*='/'][aria-busy=false]:not([data-item='{but}'])"
            ).wait_for()
            return form.get_attribute("data-item")

        first = shown()
        main = page.locator("[data-testid=stMain]")
        assert main.evaluate("element => element.scrollWidth <= element.clientWidth + 1")
        # An answer that is lacking is asked for, and nothing is saved.
        page.keyboard.press("4")
        page.keyboard.press("Enter")
        page.get_by_text("5 still open").wait_for()
        # A letter brings its side question; a note is written and left by Enter.
        page.keyboard.type("l2")
        assert page.get_by_role("radiogroup", name="Unwarranted agreement").is_visible()
        page.keyboard.type("3")
        page.keyboard.press("ArrowUp")
        page.keyboard.type("n")
        page.keyboard.type("so it says 0")
        page.keyboard.press("Enter")
        # What was typed outlives a page that is loaded again.
        page.reload()
        assert shown() == first
        page.keyboard.type("0030x")
        page.keyboard.press("Enter")
        second = shown(but=first)
        page.keyboard.press("s")
        third = shown(but=second)
        page.get_by_text("Put off: it comes again at the end.").wait_for()
        page.keyboard.press("5")
        page.keyboard.press("Backspace")
        assert shown(but=third) == first
        radio = page.get_by_role("button", name="Substance")
        assert "3 · helps fully" in radio.inner_text()
        radio.click()
        page.get_by_role("radio", name="no help at all").click()
        page.keyboard.press("Enter")
        page.get_by_text("Saved in place of your earlier label.").wait_for()
        assert status.count() == 1
        assert shown(but=first) == third, "what was before somebody comes back"
        page.get_by_role("button", name="Stance +2").wait_for()
        settings = load(home)
        store = open_store(settings.store_url)
        rows = {row["question"]: row for row in current_labels(store, RUBRIC.full_version)}
        store.dispose()
        assert {row["annotator"] for row in rows.values()} == {"ann"}
        levels = {name: row["level"] for name, row in rows.items() if row["level"] is not None}
        assert levels == {
            "stance": 1, "unwarranted_agreement": 3, "unearned_praise": 0,
            "needless_contrarianism": 0, "substance": 0, "coldness": 0,
        }  # fmt: skip
        assert rows["unwarranted_agreement"]["note"] == "so it says 0"
        assert "no_position" not in rows
        page.close()
