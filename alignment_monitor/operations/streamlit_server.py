"""Streamlit's own command, with the first page drawn once before the first visitor comes.

Here belongs: a warm start, for ``python -m``. Here does not belong: how it is called (servers).
"""

import gc
import logging
import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Timer
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


REHEARSAL_SECONDS, GRACE_SECONDS = 15.0, 5.0
"""How long the start may wait for the page; whoever came first would wait for it as long. And how
long it may take to stop."""

UNREHEARSED = "ALIGNMENT_MONITOR_UNREHEARSED"
"""Set for a server that begins anew because its page hung."""

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
    # Streamlit stops a page only between two of its calls, and waits for it: one call may hang.
    hung = Timer(REHEARSAL_SECONDS + GRACE_SECONDS, begin_anew)
    hung.daemon = True
    hung.start()
    with suppress(Exception):
        app = AppTest.from_file(script).run(timeout=REHEARSAL_SECONDS)
        for other in app.selectbox(key=CHOICE).options[1:]:
            app.selectbox(key=CHOICE).select(other).run(timeout=end - monotonic())
    hung.cancel()
    logging.disable(logging.NOTSET)
    Runtime._instance = None  # cut short, a rehearsal leaves its own there


def begin_anew() -> None:
    """The same command as the same process, without rehearsal."""
    os.environ[UNREHEARSED] = "yes"
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the very command that runs


def main() -> None:
    """Import and rehearse, then serve as ``streamlit`` would with the same arguments."""
    from streamlit.web import bootstrap
    from streamlit.web.cli import main as streamlit

    for name in PAGES_IMPORT:
        import_module(name)
    serve = bootstrap.run

    def run(main_script_path: str, *others: Any, **more: Any) -> None:
        if not os.environ.pop(UNREHEARSED, ""):
            rehearse(main_script_path)  # options have been read, and nobody can come yet
        gc.collect()
        gc.freeze()  # what is imported and kept stays
        serve(main_script_path, *others, **more)

    bootstrap.run = run
    gc.set_threshold(*COLLECTED_AFTER)
    streamlit(prog_name="streamlit")


if __name__ == "__main__":
    main()
