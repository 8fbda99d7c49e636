"""The parts of the Labelling page beside the form: progress, agreement, differences and files.

Here belongs: what is shown of labels that were given. Here does not belong: any act that changes
them (label_desk), or a count (operations.labelling).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import components
import label_desk
import marts
import streamlit as st
from components import text
from sqlalchemy import Engine
from wording import counted, percent

from alignment_monitor.judging.audit.annotators import ADJUDICATED, is_final
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.operations.labelling.desk import DeskError
from alignment_monitor.operations.labelling.files import export_labels
from alignment_monitor.operations.labelling.given import Overview, overview
from alignment_monitor.operations.labelling.review import Dispute, Progress
from alignment_monitor.sources.files import SourceFileError
from alignment_monitor.statistics.agreement import Figure
from alignment_monitor.store import StoreError
from alignment_monitor.store import labels as kept

MOST_SHOWN = 50


def progress(found: Progress, told: Overview, rubric: Rubric) -> None:
    """How much is done, by whom, and what the detector waits for."""
    share = f" ({percent(found.given / found.wanted)})" if found.wanted else ""
    components.section(
        "Progress",
        f"{counted(found.given, 'label')} of {found.wanted:,} wanted are given{share}; "
        f"{found.labelled:,} of {counted(found.messages, 'queued message')} have one or more.",
    )
    st.progress(min(1.0, found.given / found.wanted) if found.wanted else 0.0)
    people = [
        {
            "annotator": f"{name.removeprefix(ADJUDICATED)} (final)" if is_final(name) else name,
            "messages": count,
            "last": last,
        }
        for name, (count, last) in told.annotators.items()
    ]
    if people:
        components.table(
            ["Annotator", "Messages", "Last"],
            [[text(r["annotator"]), f"{r['messages']:,}", components.moment(r["last"])]
             for r in people],
            numbers=[1], tight=True,
        )  # fmt: skip
        components.download("annotators", people)
    else:
        components.block('<p class="am-faint">Nobody has labelled yet.</p>')
    _bursts(found, rubric)


def agreement(found: Mapping[str, Figure], rubric: Rubric) -> None:
    """How far annotators agree, question by question."""
    components.section(
        "Agreement",
        "Krippendorff’s α, ordinal, of annotators among themselves, with its 95 % interval and "
        "the messages that two or more labelled. 1 is full agreement, 0 is chance; unknown "
        "where all said the same. Final labels are left out.",
    )
    if not found:
        components.block(
            '<p class="am-faint">No message has been labelled by two people yet. '
            "<code>labelling.double_label_share</code> in monitor.yaml says how many are to be.</p>"
        )
        return
    order = {name: place for place, name in enumerate((*rubric.opportunities, *rubric.graded))}
    shown = sorted(found.items(), key=lambda entry: order.get(entry[0], -1))
    components.table(
        ["Question", "α", "95 % interval", "n"],
        [[text(rubric.title_of(name)), _decimal(figure.value), _between(figure), f"{figure.n:,}"]
         for name, figure in shown],
        numbers=[1, 2, 3], tight=True,
    )  # fmt: skip
    rows = [
        {"question": name, "alpha": f.value, "lower": f.lower, "upper": f.upper, "n": f.n}
        for name, f in shown
    ]
    components.download("agreement", rows)


def disputes(found: Sequence[Dispute], rubric: Rubric) -> str:
    """Messages on which annotators differ, one of them chosen; gives its key, empty for none."""
    waiting = [one for one in found if not one.final]
    components.section(
        "Differences",
        f"{counted(len(waiting), 'message')} on which annotators differ, and "
        f"{len(found) - len(waiting):,} settled. Only messages whose labels are all given are "
        "shown. A final label counts in place of those that differ; until then, and for those "
        "never settled, their mean counts.",
    )
    if not found:
        components.block('<p class="am-faint">Nobody differs so far.</p>')
        return ""
    keys = {one.key: _named(one, rubric) for one in found}
    if st.session_state.get("label_settling") not in keys:
        st.session_state["label_settling"] = found[0].key
    chosen = st.selectbox(
        "To be settled", list(keys), key="label_settling", format_func=keys.__getitem__
    )
    return str(chosen)


def all_differences(found: Sequence[Dispute], rubric: Rubric) -> None:
    """Every answer on which annotators differ, as a table to be had."""
    rows = [
        {"message": one.key, "question": question, "annotator": name, "answer": answer,
         "settled_by": one.final}
        for one in found for question in one.differing
        for name, answer in one.answers[question].items()
    ]  # fmt: skip
    with st.expander("All differences"):
        components.table(
            ["Message", "Question", "Annotator", "Answer", "Settled by"],
            [[text(r["message"]), text(title(r["question"], rubric)), text(r["annotator"]),
              _answer(r["answer"]), text(r["settled_by"] or "–")] for r in rows[:MOST_SHOWN]],
            tight=True,
        )  # fmt: skip
        if len(rows) > MOST_SHOWN:
            components.block(
                f'<p class="am-faint am-small">and {len(rows) - MOST_SHOWN:,} more in the file.</p>'
            )
        components.download("differences", rows)


def side_by_side(dispute: Dispute, rubric: Rubric) -> None:
    """What each annotator said where they do not say the same; the rest stands in the form."""
    names = list(next(iter(dispute.answers.values())))
    body = []
    for name, said in dispute.answers.items():
        if len(set(said.values())) > 1:
            mark = ' <span class="am-warn">≠</span>' if name in dispute.differing else ""
            signed = name == "stance"
            answers = [_answer(said[who], signed=signed) for who in names]
            body.append([text(title(name, rubric)) + mark, *answers])
    components.table(["Question", *map(text, names)], body, tight=True)


def _named(one: Dispute, rubric: Rubric) -> str:
    differing = ", ".join(title(name, rubric) for name in one.differing)
    return f"{one.key} · {f'settled by {one.final}' if one.final else differing}"


def title(question: str, rubric: Rubric) -> str:
    """A question for people; a side after what it is a side of."""
    flag, dot, side = question.partition(".")
    return f"{rubric.title_of(flag)}: {side.replace('_', ' ')}" if dot else rubric.title_of(flag)


def files(engine: Engine, name: str) -> None:
    """Labels out as files, and in."""
    components.section(
        "Files",
        "The same files as those of the command alignment-monitor labels: blind, and checked line "
        "by line. docs/labels.md explains each field.",
    )
    out, into = st.columns(2, gap="large")
    with out:
        _export(engine)
    with into:
        _import(name)


def _export(engine: Engine) -> None:
    what = st.radio(
        "Write", ["queue", "given"], horizontal=True,
        format_func=lambda one: "what nobody has labelled" if one == "queue"
        else "the labels given",
    )  # fmt: skip
    form = st.radio("As", ["csv", "jsonl"], horizontal=True, format_func=str.upper)
    made = export_labels(marts.settings(), marts.rubric(), engine, form, queue=what == "queue")
    if made.missing:
        components.block(
            f'<p class="am-warn">{counted(made.missing, "message")} left out: the text is no '
            "longer among the marts.</p>"
        )
    if not made.conversations:
        components.block('<p class="am-faint">There is nothing to write.</p>')
        return
    # Spreadsheets take CSV for UTF-8 only by its mark.
    data = made.text.encode("utf-8-sig" if form == "csv" else "utf-8")
    st.download_button(
        f"Download {counted(made.messages, 'message')}", data,
        f"labels-{what}.{form}", "text/csv" if form == "csv" else "application/jsonl",
        icon=":material/download:", on_click="ignore", key="labels-export",
    )  # fmt: skip


def _import(name: str) -> None:
    given = st.file_uploader("Read labels", type=["csv", "jsonl"], key="labels-import")
    if given is None or not st.button("Import", type="primary", key="labels-bring"):
        return
    try:
        made = label_desk.bring(name, given.name, given.getvalue())
    except (DeskError, SourceFileError, StoreError) as error:
        st.error("This file cannot be read.")
        components.block(f"<p>{text(error)}</p>")
        return
    counts = made.counts
    components.block(
        f"<p>{counted(counts['new'], 'label')} new, {counts['changed']:,} changed, "
        f"{counts['unchanged']:,} unchanged; {counted(made.blank, 'message')} still blank.</p>",
        "am-done",
    )
    if made.problems:
        lines = "".join(f"<li>{text(problem)}</li>" for problem in made.problems[:MOST_SHOWN])
        more = len(made.problems) - MOST_SHOWN
        rest = f"<p>and {more:,} more</p>" if more > 0 else ""
        components.block(
            f"<p><b>{counted(len(made.problems), 'line')} refused</b>, all else was kept:</p>"
            f"<ul>{lines}</ul>{rest}"
        )


def _bursts(found: Progress, rubric: Rubric) -> None:
    components.section(
        "Asked for by the detector", "Bursts of messages that tell whether a suspicion is right."
    )
    if not found.bursts:
        components.block('<p class="am-faint">No burst is open.</p>')
        return
    rows: list[dict[str, Any]] = [
        {
            "suspected": f"{rubric.title_of(behaviour)} of {family}"
            + (f", {segment} only" if segment else ""),
            "drawn_from": day,
            "open": waiting,
            "size": size,
            "suspicion": "stands" if stands else "has ended: labelled last",
        }
        for family, behaviour, segment, day, waiting, size, stands in found.bursts
    ]
    components.table(
        ["Suspected", "Drawn from", "Open", "Of", "Suspicion"],
        [[text(r["suspected"]), f'<span class="am-moment">{text(r["drawn_from"])}</span>',
          f"{r['open']:,}", f"{r['size']:,}", r["suspicion"]] for r in rows],
        numbers=[2, 3], tight=True,
    )  # fmt: skip
    components.download("bursts", rows)


def _answer(answer: str | int | None, *, signed: bool = False) -> str:
    if signed and isinstance(answer, int) and answer:
        return f"{answer:+d}".replace("-", "−")
    return "–" if answer is None else text(str(answer).replace("_", " "))


def _decimal(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:.2f}".replace("-", "−")


def _between(figure: Figure) -> str:
    if math.isnan(figure.lower):
        return "unknown"
    return f"[{_decimal(figure.lower)}, {_decimal(figure.upper)}]"


@st.cache_resource(show_spinner=False, max_entries=4)
def _overview(_rubric: Rubric, _engine: Engine, *key: object) -> Overview:
    return overview(_rubric, _engine)


def told(rubric: Rubric, engine: Engine) -> Overview:
    """Who labelled what and how far they agree, computed anew once a label came in or changed."""
    version = rubric.full_version
    edition = kept.edition(engine, version)
    return _overview(rubric, engine, version, marts.settings().store_url, *edition)
