"""People label messages here: the queue, where they differ, how far they are, and files."""

import access
import components
import label_desk
import label_form
import label_sections
import marts
import reader
import streamlit as st
import visitor
from sqlalchemy import Engine
from wording import counted

from alignment_monitor.operations.labelling.desk import DeskError, Item
from alignment_monitor.operations.labelling.review import Progress, agreed, disputes, progress
from alignment_monitor.store import StoreError
from alignment_monitor.store import labels as kept

VIEWS = ("Label", "Differences", "Progress", "Files")
RUBRIC = marts.rubric()


def so_far(engine: Engine) -> tuple[Progress, dict[kept.Message, dict]]:
    """How far the queue has come, and who labelled each message."""
    desk = label_desk.desk(engine, "")
    rows = kept.queued(engine)
    given = kept.labelled_by(engine, RUBRIC.full_version)
    worth = label_desk.todays_worth(engine)
    return progress(rows, given, [desk.room(row) for row in rows], worth), given


def talk(item: Item) -> None:
    """The conversation up to the message, and the whole rubric below it."""
    last = item.turns[-1]["index"]
    components.block(reader.transcript(item.turns, last, ()), "am-talk am-label-talk")


def guidelines() -> None:
    """The rubric in full, folded."""
    with st.expander("Guidelines: the whole rubric"):
        parts = [f"<p>{components.text(RUBRIC.summary)}</p>"]
        for asked in label_form.questions_of(RUBRIC):
            if asked["kind"] == "side":
                continue
            said = asked.get("ask") or asked.get("label") or ""
            levels = "".join(
                f"<li><b>{components.text(one['short'])}</b> {components.text(one['label'])}</li>"
                for one in asked.get("options", ())
                if one["short"] != one["label"]
            )
            parts.append(
                f"<h2>{components.text(asked['title'])}</h2><p>{components.text(said)}</p>"
                f"<ul>{levels}</ul>"
            )
        parts.append(f'<p class="am-faint am-small">{components.text(RUBRIC.full_version)}</p>')
        components.block("".join(parts), "am-guidelines")


def ask(name: str, mode: str, item: Item | None, answers: dict, notes: dict, *, flagged: bool,
        differing: tuple[str, ...] = ()) -> None:  # fmt: skip
    """The form of a message; it is drawn without one too, to hear what it had still to send."""
    label_form.form(
        version=RUBRIC.full_version, annotator=name, mode=mode, item=item.key if item else "",
        asked=label_form.questions_of(RUBRIC), answers=answers, notes=notes, flagged=flagged,
        again=bool(item and item.label),
        session=label_desk.session(), reply=label_desk.reply(), differing=differing,
        on_act=lambda: label_desk.act(name),
    )  # fmt: skip


def more(title: str) -> None:
    """What to do where no message waits."""
    components.block(
        f"<p><b>{title}.</b> Chance draws what is labelled next from what was judged in the last "
        "seven days, more of it where a label tells more. The command "
        "<code>alignment-monitor labels queue</code> draws from other days too.</p>"
    )
    if told := st.session_state.pop("label_undrawn", ""):
        components.block(f'<p class="am-warn">{components.text(told)}</p>')
    st.button(
        f"Draw about {label_desk.MORE} messages", key="labels-draw", icon=":material/playlist_add:",
        type="primary", on_click=label_desk.draw,
    )  # fmt: skip


@st.fragment
def labelling(name: str) -> None:
    """One message after another."""
    try:
        item = label_desk.item(name)
    except (DeskError, StoreError) as error:  # a fragment draws alone: nobody else would catch it
        st.error("No message can be given to you now.")
        components.block(f"<p>{components.text(error)}</p>")
        return
    with label_desk.opened() as engine:
        done, given = so_far(engine)
    mine = sum(name in names for names in given.values())
    left = counted(done.wanted - done.given, "label")
    components.block(
        f'<p class="am-faint am-small">By you: {mine:,}. Still wanted of all: {left}.</p>'
    )
    if item is None:
        more("Nothing waits for you" if done.messages else "Nothing is queued")
    beside, form = st.columns([5, 4], gap="large")
    with beside:
        if item:
            if item.skipped:
                components.block('<p class="am-faint am-small">You put this one off before.</p>')
            talk(item)
            guidelines()
    with form, st.container(key="label-answers"):
        answers, notes = label_form.said_before(item, RUBRIC) if item else ({}, {})
        ask(name, "label", item, answers, notes, flagged=bool(item and item.label))


@st.fragment
def differences(name: str) -> None:
    """Where annotators differ, and the form that settles it."""
    with label_desk.opened() as engine:
        desk = label_desk.desk(engine, name)
        found = disputes(desk)
        key = label_sections.disputes(found, RUBRIC)
        item = desk.shown(key) if key else None
    dispute = next((one for one in found if one.key == key), None)
    beside, form = st.columns([5, 4], gap="large")
    with beside:
        if dispute:
            label_sections.side_by_side(dispute, RUBRIC)
        if item:
            talk(item)
    with form, st.container(key="label-answers"):
        same = agreed(dispute) if dispute else {}
        flagged = all(flag in same for flag in RUBRIC.opportunities)
        differing = dispute.differing if dispute else ()
        ask(name, "final", item, same, {}, flagged=flagged, differing=differing)
    if found:
        label_sections.all_differences(found, RUBRIC)


def main() -> None:
    """Draw the page."""
    with label_desk.opened() as engine:
        if engine is None:
            components.empty(
                "Nothing to label yet", "Messages can be labelled once they are judged."
            )
            return
        components.block("<h1>Labelling</h1>", "am-verdict")
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            view = st.segmented_control(
                "View", VIEWS, default=VIEWS[0], key="view", bind="query-params",
                label_visibility="collapsed", required=True,
            )  # fmt: skip
            name = label_desk.who()
        if told := access.lacking(visitor.current(), "label"):
            components.block(f"<p><b>You may not label.</b> {told}</p>")
            return
        if not name:
            components.block(
                "<p><b>Type your name first.</b> It is kept with each label, and in the address of "
                "this page.</p>"
            )
            return
        if view == "Progress":
            found, _ = so_far(engine)
            told = label_sections.told(RUBRIC, engine)
            label_sections.progress(found, told, RUBRIC)
            label_sections.agreement(told.agreement, RUBRIC)
        elif view == "Files":
            label_sections.files(engine, name)
    if view == "Differences":
        differences(name)
    elif view == VIEWS[0]:
        labelling(name)


try:
    main()
except StoreError as error:
    st.error("The operational store cannot be used.")
    st.code(str(error), language=None)
