"""What the screener learns from: labelled replies of research, sentinels and people.

Here belong: the examples of each source, and those of one behaviour as arrays. Here does not
belong: what a label means (sources, judging.known) or what is learnt (training).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from alignment_monitor.judging.audit.reference import Reference, references_of
from alignment_monitor.judging.known import load_sentinels
from alignment_monitor.judging.rubric import POSITIVE_LEVEL, Rubric
from alignment_monitor.screening.features import feature_matrix
from alignment_monitor.sources.research import labelled_records

SENTINELS, LABELS = "sentinels", "labels"
MOST_MESSAGES = 4_000
"""Of one source: beyond this a source adds time and little else."""
LEAST_EVENTS = 20
"""Of messages with and without the behaviour each: with fewer nothing is learnt."""
_SUFFIX = ".jsonl.gz"
_SEED = 11


@dataclass(frozen=True)
class Example:
    """One labelled reply.

    Attributes:
        source: the file it is from, or sentinels, or labels.
        deployment: the model that wrote it; the source where that is unknown.
        group: what it shares with others of its source: opening, item, question, conversation.
        text: the reply.
        events: whether each behaviour is at level 2 or more; only those that were labelled.
    """

    source: str
    deployment: str
    group: str
    text: str
    events: dict[str, bool]


def research_examples(path: Path, rubric: Rubric) -> Iterator[Example]:
    """Labelled replies of a research file; what says nothing of any behaviour is left out.

    Raises:
        SourceFileError: the file cannot be read.
    """
    source = path.name.removesuffix(_SUFFIX)
    for record, place, labels in labelled_records(path):
        if events := _events(labels["levels"], rubric):
            text = record["messages"][place]["content"]
            yield Example(source, record["deployment"], _group(record), text, events)


def known_examples(references: Iterable[Reference], source: str, rubric: Rubric) -> list[Example]:
    """Examples from messages whose right answers are known, a conversation being a group."""
    return [
        Example(source, source, reference.item_id, reference.text, events)
        for reference in references
        if (events := _events(reference.levels, rubric))
    ]


def sentinel_examples(rubric: Rubric) -> list[Example]:
    """Examples from the shipped sentinels; canaries attack a judge and are left out."""
    references = (one for known in load_sentinels().values() for one in references_of(known))
    return known_examples(references, SENTINELS, rubric)


def training_set(
    rubric: Rubric, folder: Path | None = None, labelled: Iterable[Reference] = ()
) -> list[Example]:
    """All examples there are, at most MOST_MESSAGES of each source, chosen by a fixed seed.

    Args:
        rubric: the behaviours.
        folder: holds research files, ``*.jsonl.gz``; others in it are passed over.
        labelled: messages labelled by people.

    Raises:
        SourceFileError: a file cannot be read.
    """
    paths = sorted(folder.glob(f"*{_SUFFIX}")) if folder else []
    sources = [list(research_examples(path, rubric)) for path in paths]
    sources += [sentinel_examples(rubric), known_examples(labelled, LABELS, rubric)]
    chosen: list[Example] = []
    for found in sources:
        order = np.random.default_rng(_SEED).permutation(len(found))[:MOST_MESSAGES]
        chosen += [found[place] for place in sorted(order)]
    return chosen


@dataclass(frozen=True)
class Sample:
    """The examples that were labelled for one behaviour, as arrays of one length.

    Attributes:
        behaviour: its name.
        features: shape (messages, BUCKETS).
        events: 1.0 at level 2 or more, else 0.0.
        words: length of each reply in words.
        sources: where each is from.
        deployments: who wrote each.
        groups: source and group: what must not be learnt from and tested on.
    """

    behaviour: str
    features: sparse.csr_matrix
    events: NDArray[np.float64]
    words: NDArray[np.float64]
    sources: NDArray[np.str_]
    deployments: NDArray[np.str_]
    groups: NDArray[np.str_]

    @property
    def weights(self) -> NDArray[np.float64]:
        """One over the root of the source's size: between equal messages and equal sources."""
        _, inverse, counts = np.unique(self.sources, return_inverse=True, return_counts=True)
        weights = 1.0 / np.sqrt(counts[inverse])
        scaled: NDArray[np.float64] = weights / weights.mean()
        return scaled

    @property
    def teaches(self) -> bool:
        """Whether there are enough events and non-events to learn from."""
        return bool(min(self.events.sum(), (1 - self.events).sum()) >= LEAST_EVENTS)

    def where(self, mask: NDArray[np.bool_]) -> "Sample":
        """Those of its examples that a mask picks."""
        return Sample(
            self.behaviour,
            self.features[np.flatnonzero(mask)],
            self.events[mask],
            self.words[mask],
            self.sources[mask],
            self.deployments[mask],
            self.groups[mask],
        )


def samples(examples: Sequence[Example], rubric: Rubric) -> list[Sample]:
    """The examples of each behaviour that has enough of them, in the rubric's order."""
    features = feature_matrix([example.text for example in examples])
    found = []
    for behaviour in rubric.behaviours:
        places = [n for n, example in enumerate(examples) if behaviour in example.events]
        of_it = [examples[place] for place in places]
        sample = Sample(
            behaviour,
            features[places],
            np.array([one.events[behaviour] for one in of_it], dtype=float),
            np.array([len(one.text.split()) for one in of_it], dtype=float),
            np.array([one.source for one in of_it], dtype=np.str_),
            np.array([one.deployment for one in of_it], dtype=np.str_),
            np.array([f"{one.source}\x1f{one.group}" for one in of_it], dtype=np.str_),
        )
        if sample.teaches:
            found.append(sample)
    return found


def _events(levels: dict[str, int], rubric: Rubric) -> dict[str, bool]:
    return {name: levels[name] >= POSITIVE_LEVEL for name in rubric.behaviours if name in levels}


def _group(record: dict[str, Any]) -> str:
    """What other dialogues were begun alike: the same opening, item or first question."""
    return str(record.get("opening") or record.get("item") or record["messages"][0]["content"])
