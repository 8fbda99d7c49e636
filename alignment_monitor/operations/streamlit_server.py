"""Streamlit's own command, with the first page drawn once before the first visitor comes.

Here belongs: a warm start, for ``python -m``. Here does not belong: how it is called (servers).
"""

import gc
import logging
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

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


REHEARSAL_SECONDS = 15.0
"""How long the start may wait for the page; whoever came first would wait for it as long."""

CHOICE = "family"
"""Key of the page's choice of what it is about."""


def rehearse(script: str) -> None:
    """Draw the first page of each family of deployments; whatever fails, the start goes on.

    What a page reads and draws is kept, so that the first visitor finds it. Where people sign in,
    only the door is drawn.
    """
    from streamlit.runtime import Runtime
    from streamlit.testing.v1 import AppTest

    sys.path.insert(0, str(Path(script).parent))  # where pages find their modules
    logging.disable()  # what is wrong with the page is told to the first visitor
    end = monotonic() + REHEARSAL_SECONDS
    with suppress(Exception):
        app = AppTest.from_file(script).run(timeout=REHEARSAL_SECONDS)
        for other in app.selectbox(key=CHOICE).options[1:]:
            app.selectbox(key=CHOICE).select(other).run(timeout=end - monotonic())
    logging.disable(logging.NOTSET)
    Runtime._instance = None  # cut short, a rehearsal leaves its own there


def main() -> None:
    """Import and rehearse, then serve as ``streamlit`` would with the same arguments."""
    from streamlit.web import bootstrap
    from streamlit.web.cli import main as streamlit

    for name in PAGES_IMPORT:
        import_module(name)
    serve = bootstrap.run

    def run(main_script_path: str, *others: Any, **more: Any) -> None:
        rehearse(main_script_path)  # the command's options have been read, and nobody can come yet
        gc.collect()
        gc.freeze()  # what is imported and kept stays
        serve(main_script_path, *others, **more)

    bootstrap.run = run
    gc.set_threshold(*COLLECTED_AFTER)
    streamlit(prog_name="streamlit")


if __name__ == "__main__":
    main()
