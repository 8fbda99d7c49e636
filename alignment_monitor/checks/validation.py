"""Running a suite on a frame, and keeping what it found as rows and as Data Docs.

Here belong: everything that talks to the Great Expectations library. It is imported where it is
used: importing it takes seconds, and only the process that checks should pay them.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from alignment_monitor.checks import frames, suites

if TYPE_CHECKING:
    import pandas as pd

Tables = Mapping[str, pa.Table]
Parts = Iterator[tuple["pd.DataFrame", Any]]


@dataclass(frozen=True)
class Validation:
    """What the suites of a table found.

    Attributes:
        rows: one for each expectation, in the shape of ``contracts.QUALITY`` without its days.
        reports: the library's own results, for Data Docs.
    """

    rows: list[dict[str, Any]]
    reports: list[Any] = field(default_factory=list, repr=False)

    @property
    def worst(self) -> Literal["critical", "warning"] | None:
        """The worst severity that failed; info never fails a table."""
        failed = {row["severity"] for row in self.rows if not row["success"]}
        if "critical" in failed:
            return "critical"
        return "warning" if "warning" in failed else None

    @property
    def success(self) -> bool:
        """Nothing critical and nothing suspicious."""
        return self.worst is None


def check_table(name: str, tables: Tables) -> Validation:
    """Validate a table of the lake with everything that is expected of it.

    Args:
        name: conversations, judging_sample, verdicts or sampling_design.
        tables: that table and those it is compared with, by name: quarantine and intake for
            conversations; conversations for judging_sample; both of these for verdicts.
    """
    parts = [validate(name, frame, suite) for frame, suite in _CHECKS[name](tables)]
    return Validation(
        [row for part in parts for row in part.rows],
        [report for part in parts for report in part.reports],
    )


def _conversations(tables: Tables) -> Parts:
    given = tables["conversations"]
    yield frames.conversations_frame(given), suites.conversations_suite()
    days = frames.conversation_days_frame(given, tables["quarantine"], tables["intake"])
    yield days, suites.conversation_days_suite()


def _judging_sample(tables: Tables) -> Parts:
    given, conversations = tables["judging_sample"], tables["conversations"]
    yield frames.judging_sample_frame(given, conversations), suites.judging_sample_suite()


def _verdicts(tables: Tables) -> Parts:
    given = tables["verdicts"]
    rows = frames.verdicts_frame(given, tables["judging_sample"], tables["conversations"])
    yield rows, suites.verdicts_suite()
    yield frames.verdict_days_frame(given), suites.verdict_days_suite()


def _sampling_design(tables: Tables) -> Parts:
    yield frames.sampling_design_frame(tables["sampling_design"]), suites.sampling_design_suite()


_CHECKS: dict[str, Callable[[Tables], Parts]] = {
    "conversations": _conversations,
    "judging_sample": _judging_sample,
    "verdicts": _verdicts,
    "sampling_design": _sampling_design,
}


def validate(table: str, frame: "pd.DataFrame", suite: Any) -> Validation:
    """Run a suite on a frame.

    Args:
        table: the table that the results are about.
        frame: what is validated.
        suite: a Great Expectations suite.
    """
    batch = _context().data_sources.pandas_default.read_dataframe(frame)
    report = batch.validate(
        suite, result_format={"result_format": "SUMMARY", "partial_unexpected_count": 5}
    )
    rows = [_row(table, len(frame), result) for result in report.to_json_dict()["results"]]
    return Validation(rows, [report])


@cache
def _context() -> Any:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # It logs every validation at a level meant for users of notebooks.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def _row(table: str, rows: int, report: dict[str, Any]) -> dict[str, Any]:
    config, result = report["expectation_config"], report["result"]
    arguments = config["kwargs"]
    pair = [arguments[name] for name in ("column_A", "column_B") if name in arguments]
    columns = arguments.get("column_list") or pair or [arguments.get("column", "")]
    return {
        "table": table,
        "expectation": config["type"],
        "column": ", ".join(columns),
        "severity": config["severity"],
        "success": report["success"],
        "rows": rows,
        "unexpected": result.get("unexpected_count"),
        "detail": _detail(report),
    }


def _detail(report: dict[str, Any]) -> str | None:
    """What was seen, in a few words; frames hold no text of conversations."""
    if errors := [error for error in _errors(report["exception_info"]) if error]:
        return str(errors[0])[:200]
    result = report["result"]
    if report["success"]:
        return None
    if "unexpected_percent" not in result:
        return f"observed {result.get('observed_value')}"[:200]
    examples = [value for value in result["partial_unexpected_list"] if value is not None]
    such_as = f", such as {examples[0]}" if examples else ""
    return f"{result['unexpected_percent']:.3g} % of rows{such_as}"[:200]


def _errors(info: dict[str, Any]) -> list[Any]:
    """Messages of exceptions, which the library keeps flat or by metric."""
    if "exception_message" in info:
        return [info["exception_message"]]
    return [entry["exception_message"] for entry in info.values()]


def write_data_docs(results: Mapping[str, Validation], folder: Path) -> None:
    """Write Data Docs with the newest results of each table; ``index.html`` leads to them.

    Args:
        results: validations by table; pages of other tables stay as they are.
        folder: where the site lies.
    """
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    context = _docs_context(folder)
    store = context.validation_results_store
    for table, validation in results.items():
        for report in validation.reports:
            suite = ExpectationSuiteIdentifier(report.suite_name)
            for key in store.list_keys():
                if key.expectation_suite_identifier == suite:
                    store.remove_key(key)
            run = RunIdentifier(run_name=table)
            store.set(ValidationResultIdentifier(suite, run, table), report)
    context.build_data_docs()


def _docs_context(folder: Path) -> Any:
    """A context whose results and pages are files, so that they outlive this process."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
    )

    defaults = InMemoryStoreBackendDefaults()
    files = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.resolve())}
    results = files | {"base_directory": str(folder.resolve() / ".results")}
    defaults.stores[defaults.validation_results_store_name]["store_backend"] = results
    defaults.data_docs_sites = {
        "alignment_monitor": {
            "class_name": "SiteBuilder",
            "store_backend": files,
            "show_how_to_buttons": False,
            "site_section_builders": {"expectations": "None", "profiling": "None"},
        }
    }
    return gx.get_context(
        mode="ephemeral", project_config=DataContextConfig(store_backend_defaults=defaults)
    )
