"""What is true of an assistant message, found again by a hash of its text.

Here belong: the shape of labels, the key, and the one Parquet file that holds both. Where labels
come from does not matter here: the simulated world or an imported labelled file.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from alignment_monitor.judging.prompt import normalise

if TYPE_CHECKING:
    from alignment_monitor.settings import SimulationSource


class Labels(TypedDict):
    """The true answer to every question about one assistant message.

    Attributes:
        opportunities: those present, each with its side answers.
        levels: level of each behaviour that applies, and of each guard.
        choices: option of each choice that applies.
        stance: how far the message sides with the user, -2..2.
    """

    opportunities: dict[str, dict[str, str]]
    levels: dict[str, int]
    choices: dict[str, str]
    stance: int


class TruthError(Exception):
    """A truth file cannot be read; the message says which and what to do."""


def text_key(text: str) -> str:
    """Hash of a text, blind to white space and Unicode composition, as quotes are compared."""
    return hashlib.blake2b(normalise(text).encode(), digest_size=12).hexdigest()


class Truth:
    """Labels by text key, read once; each is parsed only when asked for."""

    def __init__(self, labels: dict[str, str]) -> None:
        self._labels = labels

    def __len__(self) -> int:
        return len(self._labels)

    @classmethod
    def load(cls, path: Path) -> "Truth":
        """Read a truth file.

        Raises:
            TruthError: there is no such file, or it is not one of ours.
        """
        return cls(_read(path))

    def find(self, key: str) -> Labels | None:
        """Labels of a text key; None if the text is unknown."""
        found = self._labels.get(key)
        return None if found is None else json.loads(found)


def write_truth(config: "SimulationSource", path: Path) -> int:
    """Write the labels of every assistant message of a simulated world; returns how many."""
    from alignment_monitor.simulation.world import simulate

    texts = (pair for conversation in simulate(config) for pair in conversation.labelled())
    return _write(path, dict(_encoded(texts)))


def add_labels(path: Path, labelled: Iterable[tuple[str, Labels]]) -> int:
    """Add labelled texts to a truth file, new or not; a later label replaces an earlier one.

    Returns:
        How many texts the file then holds.
    """
    known = _read(path) if path.exists() else {}
    return _write(path, known | dict(_encoded(labelled)))


def _encoded(labelled: Iterable[tuple[str, Labels]]) -> Iterator[tuple[str, str]]:
    for text, labels in labelled:
        yield text_key(text), json.dumps(labels, separators=(",", ":"), sort_keys=True)


def _read(path: Path) -> dict[str, str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not read_table, which loads half of pandas before it reads a byte.
        table = pq.ParquetFile(path).read(columns=["key", "labels"])
        keys, labels = (table.column(name).to_pylist() for name in ("key", "labels"))
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise TruthError(f"{path} is not a truth file; write it anew: {error}") from error
    return dict(zip(keys, labels, strict=True))


def _write(path: Path, labels: dict[str, str]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    keys = sorted(labels)
    table = pa.table({"key": keys, "labels": [labels[key] for key in keys]})
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    pq.write_table(table, temporary)
    temporary.replace(path)  # a reader sees the old file or the new one, never half of one
    return len(keys)
