"""The command line; ``app`` is the command ``alignment-monitor``.

Here belongs nothing but the name that pyproject.toml points to: commands are in ``main``
and the modules beside it, what they share in ``common``.
"""

from alignment_monitor.cli.main import app

__all__ = ["app"]
