"""The one resource of the graph: a home folder, and the connections that belong to it.

Here belong: things that are opened (lake, operational store). Decisions belong elsewhere.
"""

from functools import cached_property
from pathlib import Path

import dagster as dg
from sqlalchemy import Engine

from alignment_monitor.judging.rubric import Rubric, load_rubric
from alignment_monitor.resources.lake import Lake
from alignment_monitor.settings import Settings, home_folder, load
from alignment_monitor.store import open_store


class Monitor(dg.ConfigurableResource):
    """Settings, lake and operational store of one home folder."""

    home: str = ""

    @cached_property
    def settings(self) -> Settings:
        """The typed monitor.yaml."""
        return load(self.home or home_folder())

    @cached_property
    def lake(self) -> Lake:
        """The immutable row tables."""
        return Lake(self.settings.lake)

    @cached_property
    def rubric(self) -> Rubric:
        """The questions asked."""
        return load_rubric(self.settings.judging.rubric, self.settings.rubrics)

    @cached_property
    def store(self) -> Engine:
        """The operational store, migrated forward."""
        return open_store(self.settings.store_url)

    def mart(self, name: str) -> Path:
        """The file of a mart."""
        return self.settings.marts / f"{name}.parquet"
