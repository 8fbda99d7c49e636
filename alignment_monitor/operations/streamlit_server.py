"""Streamlit's own command, with what pages import imported before the first visitor comes.

Here belongs: a warm start, for ``python -m``. Here does not belong: how it is called (servers).
"""

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


def main() -> None:
    """Import, then serve as ``streamlit`` would with the same arguments."""
    from streamlit.web.cli import main as streamlit

    for name in PAGES_IMPORT:
        import_module(name)
    streamlit(prog_name="streamlit")


if __name__ == "__main__":
    main()
