"""Streamlit's own command, with what pages import imported before the first visitor comes.

Here belongs: a warm start, for ``python -m``. Here does not belong: how it is called (servers).
"""

import gc
from importlib import import_module

PAGES_IMPORT = (
    "altair",
    "pandas",
    "pyarrow.compute",
    "pyarrow.parquet",
    "sqlalchemy",
    "alignment_monitor.alerting.service",
    "alignment_monitor.judging.rubric",
    "alignment_monitor.judging.window",
    "alignment_monitor.resources.marts",
    "alignment_monitor.settings",
    "alignment_monitor.statistics.agreement",
    "alignment_monitor.statistics.signals",
)
"""Slow to import; a page imports more, but nothing that takes longer than a blink."""

COLLECTED_AFTER = (20_000, 20, 20)
"""Allocations, and younger collections, before each generation is looked through. A page makes
hundreds of thousands of short-lived values; Python's own thresholds take a fifth of its time."""


def main() -> None:
    """Import, then serve as ``streamlit`` would with the same arguments."""
    from streamlit.web.cli import main as streamlit

    for name in PAGES_IMPORT:
        import_module(name)
    gc.collect()
    gc.freeze()  # what is imported stays
    gc.set_threshold(*COLLECTED_AFTER)
    streamlit(prog_name="streamlit")


if __name__ == "__main__":
    main()
