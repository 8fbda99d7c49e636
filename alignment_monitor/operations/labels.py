"""What the simulated judge knows: the truth of a simulation, and labels of imported files."""

from collections.abc import Iterable
from pathlib import Path

from alignment_monitor.privacy.redaction import redact
from alignment_monitor.settings import Settings, SimulationSource
from alignment_monitor.simulation.truth import Truth, add_labels, write_truth
from alignment_monitor.sources.research import labelled_messages


def known_labels(settings: Settings, files: Iterable[Path]) -> Truth:
    """Gather all labels into one truth file under the home, and open it.

    Labels are looked up by the text that a judge is shown, so texts are redacted as in intake.
    """
    path = settings.home / "judge" / "truth.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    for source in settings.sources:
        if isinstance(source, SimulationSource):
            write_truth(source, path)
    for file in files:
        add_labels(path, ((redact(text)[0], labels) for text, labels in labelled_messages(file)))
    return Truth.load(path) if path.exists() else Truth({})
