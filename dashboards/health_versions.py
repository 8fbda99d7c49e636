"""What produced the figures, drawn on the Health page."""

import platform

import components
import judge_facts
import marts
import record
from components import text
from facts import read_moment
from wording import short_day

from alignment_monitor import __version__
from alignment_monitor.store.database import revisions


def versions() -> None:
    """Package, rubric, judges and schema, and since when."""
    about = marts.about()
    components.section(
        "Versions", "A change of rubric or judge starts a new series; of the others none does."
    )
    facts: list[tuple[str, str, str]] = [("Package", f"alignment-monitor {__version__}", "")]
    if about.get("rubric_version"):
        facts.append(("Rubric", about["rubric_version"], ""))
    listed = set()
    for judge, (quality, _) in judge_facts.by_judge(*judge_facts.recorded(marts.rubric())).items():
        if era := record.current(record.eras(quality)):
            listed.add(judge)
            facts.append((f"Judge {judge}", era.version.fingerprint, short_day(era.first)))
    facts += [
        ("Judge", told, "") for told in about.get("judges", ()) if told.split(" (")[0] not in listed
    ]
    facts.append(("Schema of the store", revisions()[-1], ""))
    facts.append(("Python", platform.python_version(), ""))
    components.table(
        ["What", "Version", "Since"], [[text(cell) for cell in row] for row in facts],
        name="versions",
    )  # fmt: skip
    if made := read_moment(about.get("generated_at")):
        components.block(
            '<p class="am-faint am-small">These pages show the run that ended at '
            f"{components.moment(made)}.</p>"
        )
