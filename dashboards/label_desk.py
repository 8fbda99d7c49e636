"""What people do on the Labelling page: who they are, and every act that changes the store.

Here belong: the one way by which labels, final labels and files come in from the page, and what
came of it. Here does not belong: any rule of what is right (operations.labelling), or any view.
"""

import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import access
import label_form
import marts
import streamlit as st
import visitor
from sqlalchemy import Engine

from alignment_monitor.operations.labelling.desk import Desk, DeskError, Item, annotator_name
from alignment_monitor.operations.labelling.files import Imported, import_labels
from alignment_monitor.operations.labelling.order import Worth, worth
from alignment_monitor.operations.labelling.queue import LabellingError, queue_more
from alignment_monitor.operations.labelling.review import settle
from alignment_monitor.store import StoreError, is_there, open_store

NAME = "annotator"
SAID = {"new": "Saved.", "changed": "Saved in place of your earlier label.", "unchanged": "Saved."}
MORE = 50
"""Messages drawn at once: an hour or two of labelling."""
PARTS = ("stance", "opportunities", "levels", "choices", "notes")


def who() -> str:
    """Who labels: from the sign-in, else typed once and kept in the address; empty: nobody yet."""
    person = visitor.current()
    if person != access.ANYBODY:
        return annotator_name(person.email) if access.may(person, "label") else ""
    if NAME not in st.session_state and NAME not in st.query_params:
        st.session_state[NAME] = st.session_state.get("actor", "")
    typed = st.text_input(
        "Your name", key=NAME, bind="query-params", max_chars=100, width=260,
        placeholder="Your name", label_visibility="collapsed", icon=":material/person:",
    )  # fmt: skip
    try:
        return annotator_name(typed or "")
    except DeskError as error:
        if typed:
            st.error(str(error))
        return ""


@contextmanager
def opened() -> Iterator[Engine | None]:
    """The operational store; null where nothing was run yet."""
    url = marts.settings().store_url
    if not is_there(url):
        yield None
        return
    engine = open_store(url)
    try:
        yield engine
    finally:
        engine.dispose()


def desk(engine: Engine, name: str) -> Desk:
    """The desk of an annotator, now."""
    gone = st.session_state.setdefault("label_gone", set())
    return Desk(marts.settings(), marts.rubric(), engine, name, datetime.now(UTC), gone)


def todays_worth(engine: Engine) -> Worth:
    """What labels are worth; computed anew when a run lands."""
    return _worth(marts.stamp(), marts.rubric().full_version, engine)


def session() -> str:
    """A name for this memory of the server's."""
    return str(st.session_state.setdefault("label_session", uuid.uuid4().hex))


def reply() -> Mapping[str, Any]:
    """What came of the form's last act."""
    nothing = {"token": "", "ok": True, "said": ""}
    return st.session_state.get("label_reply", nothing)  # type: ignore[no-any-return]


def item(name: str) -> Item | None:
    """The message before an annotator: one they went back to, else the next, which is then theirs.

    Raises:
        DeskError: there is no store.
    """

    def give(engine: Engine) -> Item | None:
        mine = desk(engine, name)
        if (key := st.session_state.get("label_back")) and (again := _reopened(mine, key)):
            return again
        st.session_state.pop("label_back", None)
        return mine.next(todays_worth(engine))

    found: Item | None = _write(give)
    return found


def act(name: str) -> None:
    """What the form has sent; the same act again is answered as before."""
    sent = label_form.sent()
    if not isinstance(sent, dict) or sent.get("token") == reply()["token"]:
        return
    answer = {"token": str(sent.get("token")), "ok": True, "said": ""}
    try:
        if sent.get("annotator") != name:
            raise DeskError("The name has changed since: what was answered is kept for the other.")
        answer["said"] = _write(lambda engine: _done(desk(engine, name), sent))
    except (DeskError, StoreError) as error:
        answer |= {"ok": False, "said": str(error)}
    st.session_state["label_reply"] = answer


def draw() -> None:
    """Put more messages into the queue, as ``labels queue`` would; says what came of it."""
    try:
        new = _write(
            lambda engine: queue_more(
                marts.settings(), marts.rubric(), engine, MORE, now=datetime.now(UTC)
            )
        )
    except (DeskError, LabellingError, StoreError) as error:
        st.session_state["label_undrawn"] = f"Nothing was drawn: {error}"
    else:
        if not new:
            st.session_state["label_undrawn"] = (
                "Nothing was drawn: what was judged in the last seven days is in the queue already."
            )


def bring(name: str, file: str, content: bytes) -> Imported:
    """Labels of a file, by the code of ``labels import``; an annotator's own only.

    Raises:
        DeskError: there is no store.
        SourceFileError: the file cannot be read at all.
    """

    def read(engine: Engine) -> Imported:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / (Path(file.replace("\\", "/")).name or "labels.jsonl")
            path.write_bytes(content)
            return import_labels(
                path, marts.settings(), marts.rubric(), engine,
                annotator=name, alone=not access.may(visitor.current(), "act"),
                now=datetime.now(UTC),
            )  # fmt: skip

    return _write(read)


def _write(act: Callable[[Engine], Any]) -> Any:
    """Every change that this page makes goes through here, claims on messages too."""
    if told := access.lacking(visitor.current(), "label"):
        raise DeskError(told)
    with opened() as engine:
        if engine is None:
            raise DeskError("There is no store yet: nothing was run in this home.")
        return act(engine)


def _done(mine: Desk, sent: Mapping[str, Any]) -> str:
    """Do what was sent; says what came of it."""
    key = str(sent.get("item"))
    if sent.get("do") == "back":
        return _back(mine, key)
    if sent.get("do") == "skip":
        return _skip(mine, key)
    label = sent.get("label")
    said = {part: label.get(part) for part in PARTS} if isinstance(label, dict) else {}
    version = str(sent.get("version"))
    if sent.get("mode") == "final":
        settle(mine, key, said, version)
        st.session_state.pop("label_settling", None)
        return "Settled."
    done = mine.save(key, said, version)
    st.session_state.pop("label_back", None)
    return SAID[done]


def _back(mine: Desk, key: str) -> str:
    again = mine.before(key)
    if again is None:
        return "There is none before."
    st.session_state["label_back"] = again.key
    return "Opened again: change what you like and save, or press S to leave it as it was."


def _skip(mine: Desk, key: str) -> str:
    if st.session_state.pop("label_back", None) is not None:
        return "Left as it was."
    mine.skip(key)
    return "Put off: it comes again at the end."


def _reopened(mine: Desk, key: str) -> Item | None:
    try:
        return mine.reopened(key)
    except DeskError:
        return None


@st.cache_resource(show_spinner=False, max_entries=2)
def _worth(stamp: int, version: str, _engine: Engine) -> Worth:
    return worth(marts.settings(), marts.rubric(), _engine)
