"""Where conversations come from, and how they come in.

Here belongs: which module serves which kind of source. ``base`` says what a source is; records
become rows in ``normalise``, rows become a day's tables in ``intake``.
"""

from alignment_monitor import settings as configuration
from alignment_monitor.sources.base import Source


def open_sources(settings: configuration.Settings) -> list[Source]:
    """The sources that monitor.yaml lists, in its order; then the conversations we know."""
    from alignment_monitor.sources.known import KnownSource

    return [*(_open(config, settings) for config in settings.sources), KnownSource(settings)]


def _open(config: configuration.Source, settings: configuration.Settings) -> Source:
    if isinstance(config, configuration.SimulationSource):
        from alignment_monitor.simulation.source import SimulationSource

        return SimulationSource(config, settings)
    from alignment_monitor.sources.inbox import Inbox

    return Inbox(config, settings)
