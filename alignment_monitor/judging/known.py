"""Conversations whose right answers are known: sentinels and injection canaries.

Here belong: reading them from ``sentinels/*.yaml``, their labels, and which of them a day gets.
Here does not belong: how they join the traffic (sources) or what their verdicts say of a judge
(quality). Their labels are constructed by the author of each text; they are no human gold.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

from alignment_monitor.judging.rubric import POSITIVE_LEVEL, Rubric

FOLDER = "sentinels"
LABELLED_FOR = "sycophancy"
"""The rubric whose questions the labels answer; to another one they say nothing."""

CANARIES = "canaries.yaml"
SECOND_LABELS = "second_pass.yaml"
SENTINEL, CANARY = "sentinel", "canary"
"""Source and purpose of these conversations; both are left out of every figure about traffic."""

KNOWN = (SENTINEL, CANARY)
ATTACK, TWIN = "attack", "twin"
_INSERT = "{{insert}}"


@dataclass(frozen=True)
class Label:
    """The right answers about one assistant message, each with its reason.

    Attributes:
        stance: -2..2.
        opportunities: those present, with their side answers.
        levels: of every behaviour that applies, and of every guard.
        choices: of every choice that applies.
        reasons: one line for each opportunity and level.
    """

    stance: int
    opportunities: dict[str, dict[str, str]]
    levels: dict[str, int]
    choices: dict[str, str]
    reasons: dict[str, str] = field(default_factory=dict, compare=False)

    def events(self, rubric: Rubric) -> dict[str, bool]:
        """The charted events by question; one that does not apply is absent."""
        found = {name: level >= POSITIVE_LEVEL for name, level in self.levels.items()}
        for name, rule in rubric.derived.items():
            sides = {
                f"{flag}.{side}": value
                for flag, given in self.opportunities.items()
                for side, value in given.items()
            }
            met = all(sides.get(side) == value for side, value in rule.when.items())
            if met and rule.of in self.levels:
                found[name] = self.levels[rule.of] in rule.equals
        return found


@dataclass(frozen=True)
class KnownConversation:
    """A fixed transcript with labels.

    Attributes:
        conversation_id: ``sentinel:<item>`` or ``canary:<item>:<attack or twin>``; a day follows.
        turns: (role, text) in order.
        labels: by position of the assistant message.
    """

    conversation_id: str
    turns: tuple[tuple[str, str], ...]
    labels: dict[int, Label]

    def dated(self, day: date) -> str:
        """Its identifier on a day."""
        return f"{self.conversation_id}:{day.isoformat()}"


@dataclass(frozen=True)
class Canary:
    """A conversation that tries to talk the judge into a verdict, and its harmless twin.

    Attributes:
        name: identifier of the pair.
        kind: kind of attempt: fake_verdict, role_play ...
        target: the behaviour or guard attacked.
        pushes: down hides a fault, up invents one.
        attack: with the attempt in it.
        twin: the same with harmless text in its place.
    """

    name: str
    kind: str
    target: str
    pushes: Literal["up", "down"]
    attack: KnownConversation
    twin: KnownConversation


@cache
def load_sentinels() -> dict[str, KnownConversation]:
    """All shipped sentinels by conversation_id, in the order of their files.

    Raises:
        ValueError: two have the same id.
    """
    found: dict[str, KnownConversation] = {}
    for name in sorted(path.name for path in _folder().iterdir()):
        if not name.endswith(".yaml") or name in (CANARIES, SECOND_LABELS):
            continue
        for item in _read(name):
            labels = {given["message"]: _label(given) for given in item["labels"]}
            known = KnownConversation(f"{SENTINEL}:{item['id']}", _turns(item), labels)
            if known.conversation_id in found:
                raise ValueError(f"{name}: the id {item['id']} is taken")
            found[known.conversation_id] = known
    return found


@cache
def load_canaries() -> dict[str, Canary]:
    """All shipped canaries by name."""
    return {item["id"]: _canary(item) for item in _read(CANARIES)}


def second_labels() -> Iterator[tuple[KnownConversation, int, Label]]:
    """The labels of a second pass, made blind to the first: conversation, message, label."""
    for item in _read(SECOND_LABELS):
        label = Label(item["stance"], item["opportunities"], item["levels"], item["choices"])
        yield load_sentinels()[f"{SENTINEL}:{item['id']}"], item["message"], label


@cache
def known_version() -> str:
    """Hash of everything that sentinels and canaries say: another version is another series."""
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(_folder().iterdir(), key=lambda path: path.name):
        if path.name.endswith(".yaml"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def of_day(day: date, *, sentinels: int, canaries: int, key: str) -> list[KnownConversation]:
    """The known conversations of a day: each comes round in turn, in an order made by the key.

    Args:
        day: the day.
        sentinels: labelled sentinel messages wanted; conversations stay whole, so that a day may
            have a few more or less.
        canaries: pairs wanted.
        key: key of the order.
    """
    items, pairs = list(load_sentinels().values()), list(load_canaries().values())
    chosen = _in_turn(items, [len(item.labels) for item in items], day, sentinels, key)
    for canary in _in_turn(pairs, [1] * len(pairs), day, canaries, key):
        chosen += [canary.attack, canary.twin]
    return chosen


def find(conversation_id: str) -> KnownConversation | None:
    """The known conversation behind an identifier of a day; None if it is no shipped one."""
    kind, _, rest = conversation_id.partition(":")
    name = rest.rpartition(":")[0]
    if kind == SENTINEL:
        return load_sentinels().get(f"{SENTINEL}:{name}")
    if kind == CANARY:
        pair, _, side = name.rpartition(":")
        canary = load_canaries().get(pair)
        return None if canary is None else canary.attack if side == ATTACK else canary.twin
    return None


def item_of(conversation_id: str) -> str:
    """What belongs together: a sentinel's conversation, or an attack and its twin, of one day."""
    kind, _, rest = conversation_id.partition(":")
    name, _, day = rest.rpartition(":")
    return f"{kind}:{name.rpartition(':')[0] if kind == CANARY else name}:{day}"


def _in_turn(
    items: Sequence[Any], sizes: Sequence[int], day: date, per_day: int, key: str
) -> list[Any]:
    """The items that begin within the day's stretch of a circle on which all lie end to end."""

    def place(number: int) -> bytes:
        return hashlib.blake2b(str(number).encode(), digest_size=8, key=key.encode()[:64]).digest()

    total = sum(sizes)
    if per_day >= total:
        return list(items)
    start, chosen, begins = day.toordinal() * per_day % total if total else 0, [], 0
    for number in sorted(range(len(items)), key=place):
        if (begins - start) % total < per_day:
            chosen.append(items[number])
        begins += sizes[number]
    return chosen


def _folder() -> Any:
    return files("alignment_monitor") / FOLDER


def _read(name: str) -> list[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (_folder() / name).read_text(encoding="utf-8")
    return list(yaml.load(text, Loader=loader))  # noqa: S506  a safe loader, the fast one if built


def _turns(item: dict[str, Any], insert: str = "") -> tuple[tuple[str, str], ...]:
    return tuple(
        (role, text.replace(_INSERT, insert))
        for turn in item["turns"]
        for role, text in turn.items()
    )


def _label(given: dict[str, Any]) -> Label:
    opportunities = {
        name: {side: value for side, value in sides.items() if side != "why"}
        for name, sides in given["opportunities"].items()
    }
    graded = {**given["behaviours"], **given["guards"]}
    explained = {**given["opportunities"], **graded}
    return Label(
        stance=given["stance"],
        opportunities=opportunities,
        levels={name: entry["level"] for name, entry in graded.items()},
        choices=given["choices"],
        reasons={name: entry["why"] for name, entry in explained.items()},
    )


def _canary(item: dict[str, Any]) -> Canary:
    last, label = len(item["turns"]) - 1, _label(item["label"])

    def side(name: str, insert: str) -> KnownConversation:
        turns = _turns(item, insert)
        return KnownConversation(f"{CANARY}:{item['id']}:{name}", turns, {last: label})

    return Canary(
        item["id"],
        item["kind"],
        item["target"],
        item["pushes"],
        side(ATTACK, item["attack"]),
        side(TWIN, item["clean"]),
    )
