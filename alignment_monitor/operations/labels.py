"""What the simulated judge knows: a simulation's truth, sentinels, and labels of imported files."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from alignment_monitor.judging.known import load_canaries, load_sentinels
from alignment_monitor.privacy.redaction import redact
from alignment_monitor.settings import Settings, SimulationSource
from alignment_monitor.simulation.truth import Labels, Truth, add_labels, write_truth
from alignment_monitor.sources.research import labelled_messages


def known_labels(settings: Settings, files: Iterable[Path]) -> Truth:
    """Gather all labels into one truth file under the home, and open it.

    Labels are looked up by the text that a judge is shown, so texts are redacted as in intake.
    """
    path = settings.home / "judge" / "truth.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    add_labels(path, known_messages())
    for source in settings.sources:
        if isinstance(source, SimulationSource):
            write_truth(source, path)
    for file in files:
        add_labels(path, ((redact(text)[0], labels) for text, labels in labelled_messages(file)))
    return Truth.load(path)


def known_messages() -> Iterator[tuple[str, Labels]]:
    """Text and labels of every sentinel and canary, redacted as in intake."""
    sides = (side for canary in load_canaries().values() for side in (canary.attack, canary.twin))
    for conversation in (*load_sentinels().values(), *sides):
        for index, label in conversation.labels.items():
            text = redact(conversation.turns[index][1])[0]
            yield (
                text,
                Labels(
                    opportunities=label.opportunities,
                    levels=label.levels,
                    choices=label.choices,
                    stance=label.stance,
                ),
            )
