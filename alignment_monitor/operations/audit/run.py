"""Audits of judges as a command runs them: the folder of a run, what it will cost, and its result.

Here belong: beginning an audit, going on with one, and what its folder remembers. Here does not
belong: what is asked (judging.audit), what it says of a judge (judging.audit_card) or how that
looks (audit_report).
"""

import hashlib
import json
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from alignment_monitor.judging.audit import plan as audit
from alignment_monitor.judging.audit import tables as audit_tables
from alignment_monitor.judging.audit.annotators import agreement
from alignment_monitor.judging.audit.card import Card
from alignment_monitor.judging.audit.reference import references_of
from alignment_monitor.judging.backends import fingerprint, judge_key
from alignment_monitor.judging.known import (
    LABELLED_FOR,
    known_version,
    load_canaries,
    load_sentinels,
)
from alignment_monitor.judging.money import price_of, priced, usage
from alignment_monitor.judging.panel import Progress, open_journal
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.operations.forecast import Expected
from alignment_monitor.settings import Judge, Settings
from alignment_monitor.sources.gold import Gold, read_gold
from alignment_monitor.statistics.agreement import Figure

FOLDER = "audits"
RUN_FILE = "run.json"
REPEATS = 3
"""The rubric whose questions the labels of the shipped conversations answer."""


class AuditError(ValueError):
    """An audit cannot begin or go on; the message says why and what to do."""


@dataclass(frozen=True)
class Options:
    """What an audit is about; null where nothing was said.

    Attributes:
        judge: name of a judge of monitor.yaml; null for the first.
        gold: labelled file; null for the shipped sentinels.
        sentinels: ask about the shipped sentinels too, beside a labelled file.
        repeats: how often each message is asked about.
        limit: at most so many labelled messages, and so many canaries.
    """

    judge: str | None = None
    gold: str | None = None
    sentinels: bool | None = None
    repeats: int | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Audit:
    """An audit that was begun.

    Attributes:
        folder: where its run and its card are.
        plan: what is asked.
        judge: of whom.
        gold: the labelled file, if there is one.
        settings: of the home.
        rubric: the questions.
    """

    folder: Path
    plan: audit.Plan
    judge: Judge
    gold: Gold | None
    settings: Settings
    rubric: Rubric


@dataclass(frozen=True)
class Result:
    """What came of an audit.

    Attributes:
        begun: what was asked of whom.
        tables: answers and labels side by side.
        card: what they say of the judge.
        people: agreement of the annotators among themselves by question, where several labelled.
        fingerprints: of the answers.
    """

    begun: Audit
    tables: audit_tables.Tables
    card: Card
    people: dict[str, Figure]
    fingerprints: tuple[str, ...]


def begin(
    settings: Settings, rubric: Rubric, options: Options, *, out: Path | None, day: date
) -> Audit:
    """Begin an audit in a folder of its own; a folder that holds one goes on with it.

    Args:
        settings: of the home.
        rubric: the questions.
        options: what was asked for.
        out: the folder; null for a new one under the home.
        day: of the audit, in UTC.

    Raises:
        AuditError: there is no such judge, or the folder holds another audit.
        GoldFileError: the labelled file cannot be used.
    """
    if out and (out / RUN_FILE).exists():
        return resume(settings, rubric, options, out)
    judge = choose_judge(settings, options.judge)
    name = re.sub(r"[^\w.-]+", "-", judge.name)
    run = f"{name}-{day}-{secrets.token_hex(3)}"
    state: dict[str, Any] = {
        **asdict(options),
        "judge": judge.name,
        "gold": str(Path(options.gold).resolve()) if options.gold else None,
        "sentinels": bool(options.sentinels or not options.gold),
        "repeats": options.repeats or REPEATS,
        "run": run,
        "day": day.isoformat(),
        **_inputs(judge, rubric, settings, options.gold),
    }
    folder = out or settings.home / FOLDER / run
    made = _audit(settings, rubric, state, folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RUN_FILE).write_text(json.dumps(state, indent=1), encoding="utf-8")
    return made


def resume(settings: Settings, rubric: Rubric, options: Options, folder: Path) -> Audit:
    """Go on with the audit of a folder.

    Raises:
        AuditError: it holds none, or one that today's settings or files do not fit.
    """
    try:
        state = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AuditError(f"{folder} holds no audit ({RUN_FILE}): give the folder of one") from error
    given = {name: value for name, value in asdict(options).items() if value is not None}
    if "gold" in given:
        given["gold"] = str(Path(given["gold"]).resolve())
    for name, value in given.items():
        if state[name] != value:
            raise AuditError(f"{folder} holds an audit with {name} {state[name]}, not {value}")
    now = _inputs(choose_judge(settings, state["judge"]), rubric, settings, state["gold"])
    if changed := [name.replace("_", " ") for name, value in now.items() if state[name] != value]:
        raise AuditError(
            f"{folder} cannot go on, since these have changed: {', '.join(changed)}. "
            "Begin a new audit"
        )
    return _audit(settings, rubric, state, folder)


def expected(begun: Audit, store: Engine) -> Expected:
    """What the judge still has before it, and what that will cost."""
    judge, rubric, judging = begun.judge, begun.rubric, begun.settings.judging
    keys = {unit.key for unit in audit.units(begun.plan, judging)}
    known = open_journal(judge, rubric, judging, store).known(keys)
    taken, price = usage(judge, rubric, judging, store), price_of(judge)
    cost = None if price is None else priced(price, taken)
    return Expected(judge, len(keys) - len(known), taken, cost)


def conduct(begun: Audit, store: Engine, progress: Progress) -> Result:
    """Ask what is left to ask, and make the card.

    Raises:
        AuditError: the judge answered nothing at all.
        JudgingInterrupted: we were told to stop; what was answered is kept.
    """
    judge, rubric, judging = begun.judge, begun.rubric, begun.settings.judging
    answers = audit.ask(begun.plan, judge, rubric, judging, store, progress)
    found = audit_tables.tables(begun.plan, answers, judge, rubric, judging, store)
    if set(found.calls["status"]) <= {"failed"}:
        (reason, _), *_rest = found.problems.most_common(1)
        raise AuditError(f"no call was answered: {reason}")
    return Result(
        begun=begun,
        tables=found,
        card=found.card(rubric, judging.acceptance),
        people=agreement(begun.gold.ratings) if begun.gold else {},
        fingerprints=tuple(fingerprint(judge, rubric, judging, name) for name in found.models),
    )


def choose_judge(settings: Settings, name: str | None) -> Judge:
    """A judge of monitor.yaml by name, the first if none is named; asked at once, not in batches.

    Raises:
        AuditError: there is no judge of that name.
    """
    judges = settings.judging.judges
    found = next((judge for judge in judges if name in (None, judge.name)), None)
    if found is None:
        known = ", ".join(judge.name for judge in judges)
        raise AuditError(f"no judge is named {name!r}; there are {known}")
    return found.model_copy(update={"batch": False})


def find_run(settings: Settings, name: str) -> Path:
    """The folder of a run, by its path or its name under the home."""
    return path if (path := Path(name)).is_dir() else settings.home / FOLDER / name


def _inputs(
    judge: Judge, rubric: Rubric, settings: Settings, gold: str | None
) -> dict[str, str | None]:
    """What the answers of a run rest on: if one of these changes, they are another run's."""
    return {
        "judge_settings": judge_key(judge, rubric, settings.judging),
        "rubric_version": rubric.full_version,
        "shipped_conversations": known_version(),
        "labelled_file": hashlib.sha256(Path(gold).read_bytes()).hexdigest() if gold else None,
    }


def _audit(settings: Settings, rubric: Rubric, state: dict[str, Any], folder: Path) -> Audit:
    gold = read_gold(Path(state["gold"]), rubric, settings) if state["gold"] else None
    references = list(gold.references) if gold else []
    fits = rubric.name == LABELLED_FOR
    if state["sentinels"]:
        if not fits:
            raise AuditError(
                f"the shipped conversations are labelled for the rubric {LABELLED_FOR}, not for "
                f"{rubric.name}: audit it with --gold, without --sentinels"
            )
        shipped = load_sentinels().values()
        references += [one for known in shipped for one in references_of(known)]
    judge, limit = choose_judge(settings, state["judge"]), state["limit"]
    plan = audit.Plan(
        run=state["run"],
        day=date.fromisoformat(state["day"]),
        references=tuple(audit.in_lot(references)[:limit]),
        canaries=tuple(load_canaries().values())[:limit] if fits else (),
        repeats=state["repeats"],
        # The simulated judge knows a message by its text: without the reply it knows nothing.
        user_side=not judge.simulated,
    )
    return Audit(folder, plan, judge, gold, settings, rubric)
