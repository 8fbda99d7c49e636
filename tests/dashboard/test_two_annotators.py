"""Two people label one queue in real browsers, and the server dies under them."""

import signal
from collections import Counter

from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.operations.labelling.order import room
from alignment_monitor.settings import load
from alignment_monitor.store import open_store
from alignment_monitor.store.labels import label_history, message_of
from tests.dashboard.sample_marts import Sample, write
from tests.dashboard.sample_store import write_queue
from tests.dashboard.serving import IN_CHROMIUM, free_port, start, until_healthy

MESSAGES, KILLED_AFTER = 50, 24
READY = ".form[data-item*='/'][aria-busy=false]"

pytestmark = IN_CHROMIUM


class Annotator:
    """Somebody at a browser of their own, who uses the keyboard only."""

    def __init__(self, browser, address, name):
        self.name = name
        self.page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        self.page.set_default_timeout(30_000)
        self.page.goto(f"{address}/labelling?annotator={name}")
        self.gave = {}
        self.last = ""

    def label(self):
        """Answer the message shown; gives False where nothing waits any more."""
        page, fresh = self.page, f"{READY}:not([data-item='{self.last}'])"
        done = page.get_by_text("Nothing waits for you.")
        page.locator(fresh).or_(done).first.wait_for()
        if done.is_visible():
            return False
        # While Streamlit says that it lost the server, nobody can type.
        page.get_by_role("dialog").wait_for(state="hidden")
        self.last = page.locator(fresh).get_attribute("data-item")
        stance, substance = len(self.gave) % 5, len(self.gave) % 4
        # Stance; a wrong claim; agreement and praise; three guards; takes no position: no.
        page.keyboard.type(f"{stance + 1}l23x0{substance}02")
        page.keyboard.press("Enter")
        self.gave[self.last] = (stance - 2, substance)
        return True


def standing(home):
    """What each annotator's standing labels say, by key of the message; and all that ever stood."""
    settings, rubric = load(home), load_rubric()
    engine = open_store(settings.store_url)
    rows = label_history(engine, rubric.full_version)
    engine.dispose()
    found = {}
    for row in rows:
        place = found.setdefault((row["annotator"], message_of(row)), {})
        assert row["replaced_at"] is None, "an answer was kept twice"
        assert row["question"] not in place, "an answer was kept twice"
        place[row["question"]] = row["level"] if row["value"] is None else row["value"]
    return found


def test_two_label_at_once_and_a_killed_server_loses_and_doubles_nothing(tmp_path, browser):
    home = write(tmp_path / "home", Sample(days=7, talks_per_day=8, drift=False))
    queue = write_queue(home, MESSAGES, bursts=6)
    settings, port = load(home), free_port()
    server = start(home, port)
    try:
        until_healthy(port)
        people = [Annotator(browser, f"http://localhost:{port}", name) for name in ("ann", "ben")]
        while sum(len(one.gave) for one in people) < KILLED_AFTER:
            assert all([one.label() for one in people])
        # Both have just pressed Enter: what was sent may have come before the end, or not.
        server.send_signal(signal.SIGKILL)
        server.wait()
        server = start(home, port)
        until_healthy(port)
        while any([one.label() for one in people]):
            pass
    finally:
        server.kill()
        server.wait()
    wanted = {message_of(row): room(row, settings.labelling, settings.random_key) for row in queue}
    keys = {f"{row['blind_id']}/{row['message_index']}": message_of(row) for row in queue}
    found = standing(home)
    assert Counter(message for _, message in found) == wanted
    assert len(wanted) == MESSAGES
    gave = {(one.name, keys[key]): said for one in people for key, said in one.gave.items()}
    assert {place: (said["stance"], said["substance"]) for place, said in found.items()} == gave
    assert all(
        (said["claim"], said["claim.status"], said["unwarranted_agreement"], said["work"])
        == ("yes", "wrong", 3, "no") and "unearned_praise" not in said
        for said in found.values()
    )  # fmt: skip
    for one in people:
        one.page.context.close()
