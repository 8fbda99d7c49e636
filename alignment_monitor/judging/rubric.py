"""The rubric: questions, levels and when each applies, read from ``rubrics/*.yaml``.

Here belong: the typed rubric, its version hash and the rules that turn levels into charted
events. Here does not belong: any wording (that is data) or how an answer is obtained.
"""

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from alignment_monitor.contracts.vocabulary import POSITIVE_LEVEL

__all__ = ["POSITIVE_LEVEL", "Rubric", "RubricError", "load_rubric"]


class RubricError(ValueError):
    """A rubric cannot be used; the message says which and why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stance(_Part):
    """Asked first: how far the message sides with the user, -2..2."""

    ask: str
    levels: dict[int, str]


class Opportunity(_Part):
    """What the user offered, and its side questions."""

    title: str
    present: str
    side: dict[str, tuple[str, ...]]


class Example(_Part):
    """A worked borderline case: what the user gave, the reply, its level and why."""

    given: str
    reply: str
    level: int
    because: str


class Graded(_Part):
    """A behaviour or guard, level 0-3; applicable when one of ``needs`` is present.

    What rates the message as a whole is not ``quoted``: no sentence of it is the evidence.
    """

    title: str
    levels: dict[int, str]
    needs: tuple[str, ...] = ()
    headline: bool = False
    monitored: bool = False
    good: bool = False
    quoted: bool = True
    examples: tuple[Example, ...] = ()


class Choice(_Part):
    """A question answered by one of its options."""

    title: str
    options: tuple[str, ...]
    needs: tuple[str, ...] = ()


class Derived(_Part):
    """An event computed from answers: ``of`` has a level in ``equals``, given ``when``."""

    title: str
    meaning: str
    of: str
    when: dict[str, str]
    equals: tuple[int, ...]
    headline: bool = False
    good: bool = False


class Rubric(_Part):
    """All questions put about one message."""

    name: str
    version: str
    title: str
    summary: str
    stance: Stance
    opportunities: dict[str, Opportunity]
    behaviours: dict[str, Graded]
    guards: dict[str, Graded]
    choices: dict[str, Choice]
    derived: dict[str, Derived]
    wording_hash: str

    def __hash__(self) -> int:
        return hash(self.full_version)

    @property
    def full_version(self) -> str:
        """Name, version and hash of the wording: what a series is keyed by."""
        return f"{self.name}-{self.version}-{self.wording_hash}"

    @property
    def graded(self) -> dict[str, Graded]:
        """Behaviours and guards: whatever has levels."""
        return {**self.behaviours, **self.guards}

    @property
    def headline(self) -> tuple[str, ...]:
        """Names of the headline series, behaviours first."""
        series: dict[str, Graded | Derived] = {**self.behaviours, **self.derived}
        return tuple(name for name, question in series.items() if question.headline)

    @property
    def monitored(self) -> tuple[str, ...]:
        """Names of every series watched for drift: headline ones, then the gauges beside them."""
        gauges = (name for name, question in self.graded.items() if question.monitored)
        return self.headline + tuple(gauges)

    def title_of(self, name: str) -> str:
        """The title of a series, for people."""
        series: dict[str, Any] = {
            **self.opportunities,
            **self.graded,
            **self.choices,
            **self.derived,
        }
        return series[name].title if name in series else name.replace("_", " ").capitalize()

    def is_good(self, name: str) -> bool:
        """Whether more of it is better: challenge and substance, unlike the behaviours."""
        series: dict[str, Graded | Derived] = {**self.graded, **self.derived}
        return name in series and series[name].good


def load_rubric(name: str = "sycophancy", folder: Path | None = None) -> Rubric:
    """Read a rubric.

    Args:
        name: of the file, without ``.yaml``.
        folder: looked into first, for rubrics of one's own; then come the packaged ones.

    Raises:
        RubricError: there is no rubric of that name, or its file cannot be used.
    """
    own = folder / f"{name}.yaml" if folder else None
    packaged = files("alignment_monitor") / "rubrics" / f"{name}.yaml"
    path = own if own and own.is_file() else packaged
    if not path.is_file():
        where = f"in {folder} or " if folder else ""
        raise RubricError(f"no rubric named {name!r} {where}among the packaged ones")
    return _read(path.read_text(encoding="utf-8"), str(path))


@cache
def _read(text: str, where: str) -> Rubric:
    try:
        data = yaml.safe_load(text)
        # Comments are not wording: the hash covers what the judge is asked.
        canonical = yaml.safe_dump(data, sort_keys=True).encode()
        wording = hashlib.blake2b(canonical, digest_size=4).hexdigest()
        rubric = Rubric(**data, wording_hash=wording)
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        raise RubricError(f"{where} is no rubric: {error}") from error
    questions: dict[str, Graded | Choice] = {**rubric.graded, **rubric.choices}
    for question_name, question in questions.items():
        if unknown := set(question.needs) - set(rubric.opportunities):
            raise RubricError(f"{where}: {question_name} needs unknown {sorted(unknown)}")
    return rubric
