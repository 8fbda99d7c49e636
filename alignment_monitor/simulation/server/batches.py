"""The life of batches: validated, in progress, and one of four ends.

Here belong: the plan for batches, their states, and keeping them. What becomes of a single line
belongs beside this (``batch_lines``), as does HTTP (``batch_api``).
"""

import asyncio
import json
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignment_monitor.simulation.server.batch_files import FileStore, write_whole
from alignment_monitor.simulation.server.batch_lines import (
    CANCELLED,
    EXPIRED,
    URLS,
    LineWorker,
    Outcome,
    check,
    parse,
)
from alignment_monitor.simulation.server.judging_api import Bench
from alignment_monitor.simulation.server.plans import (
    TextPlan,
    draw,
    require_positive,
    require_shares,
)
from alignment_monitor.simulation.server.wire import token_usage

WINDOW = "24h"
WINDOW_SECONDS = 24 * 3600
ENDED = frozenset({"failed", "completed", "expired", "cancelled"})
_FINALIZING_FROM = 0.9


@dataclass(frozen=True)
class BatchPlan(TextPlan):
    """How batches end, and when.

    Attributes:
        seconds: how long one takes.
        polls: it ends at this retrieval, however long that takes; 0: ``seconds`` decides.
        error: share of lines that go to the error file.
        expired: share of batches that expire, with the rest of their lines in the error file.
        failed: share of batches that fail at validation for want of queue space.
        done_at_expiry: share of the lines that are answered when a batch expires.
        only_first: only so many batches of a server may expire or fail; 0: all.
    """

    seconds: float = 0.0
    polls: int = 0
    error: float = 0.0
    expired: float = 0.0
    failed: float = 0.0
    done_at_expiry: float = 0.5
    only_first: int = 0

    def __post_init__(self) -> None:
        waits = {"seconds": self.seconds, "polls": self.polls, "only_first": self.only_first}
        require_positive(waits)
        shares = {name: getattr(self, name) for name in ("error", "expired", "failed")}
        require_shares({**shares, "done_at_expiry": self.done_at_expiry})
        require_shares({"expired and failed together": self.expired + self.failed})


AT_ONCE = BatchPlan()


class BatchError(Exception):
    """A batch cannot be changed as asked; the message says why."""


class Batches:
    """All batches of a server, with their files."""

    def __init__(self, bench: Bench, plan: BatchPlan, folder: Path | None = None) -> None:
        self.files = FileStore(folder / "files" if folder else None)
        self._bench, self._plan = bench, plan
        self._folder = folder / "batches" if folder else None
        self._records: dict[str, dict[str, Any]] = {}
        self._attempts: Counter[str] = Counter()
        self._working = asyncio.Lock()
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
            found = (json.loads(path.read_bytes()) for path in self._folder.glob("batch_*.json"))
            for record in sorted(found, key=lambda record: record["number"]):
                self._records[record["batch"]["id"]] = record
            if (attempts := self._folder / "attempts.json").exists():
                self._attempts.update(json.loads(attempts.read_bytes()))

    async def create(
        self, input_file_id: str, url: str, metadata: dict[str, str] | None
    ) -> dict[str, Any]:
        """Take a batch; its input is checked, but what is wrong with it shows later.

        Args:
            input_file_id: a file that exists.
            url: endpoint of every line.
            metadata: kept for the client.
        """
        content = self.files.content(input_file_id)
        lines, problems = await asyncio.to_thread(check, content, url)
        now = time.time()
        batch: dict[str, Any] = {
            "id": f"batch_{uuid.uuid4().hex[:24]}",
            "object": "batch",
            "endpoint": url,
            "model": lines[0].body.get("model") if lines else None,
            "errors": None,
            "input_file_id": input_file_id,
            "completion_window": WINDOW,
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": int(now),
            "expires_at": int(now) + WINDOW_SECONDS,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "metadata": metadata,
        }
        names = sorted(line.custom_id for line in lines)
        record = {
            "batch": batch,
            "number": len(self._records) + 1,
            "began": now,
            "polls": 0,
            "total": len(lines),
            "problems": problems,
            "end": self._end(names, len(self._records) + 1),
            "done": None,
        }
        self._records[batch["id"]] = record
        self._keep(record)
        return batch

    def newest_first(self) -> list[str]:
        """The ids of all batches."""
        return list(reversed(self._records))

    async def retrieve(self, name: str, *, polled: bool = True) -> dict[str, Any]:
        """A batch as it is now.

        Args:
            name: its id.
            polled: whether this counts towards the plan's ``polls``.

        Raises:
            KeyError: there is none of that id.
        """
        record = self._records[name]
        async with self._working:
            if record["batch"]["status"] not in ENDED:
                record["polls"] += polled
                await self._advance(record)
                self._keep(record)
        return dict(record["batch"])

    async def cancel(self, name: str) -> dict[str, Any]:
        """Cancel a batch; what is done by now stays done.

        Raises:
            KeyError: there is none of that id.
            BatchError: it has ended already.
        """
        record = self._records[name]
        batch = record["batch"]
        async with self._working:
            if batch["status"] in ENDED:
                raise BatchError(f"Cannot cancel a batch with status '{batch['status']}'.")
            if batch["status"] != "cancelling":
                record["end"], record["done"] = "cancelled", self._progress(record)
                batch.update(status="cancelling", cancelling_at=int(time.time()))
                self._keep(record)
        return dict(batch)

    def _end(self, names: list[str], number: int) -> str:
        if 0 < self._plan.only_first < number:
            return "completed"
        drawn = draw(self._bench.seed, "batch", number, *names)
        if drawn < self._plan.failed:
            return "failed"
        return "expired" if drawn < self._plan.failed + self._plan.expired else "completed"

    def _progress(self, record: dict[str, Any]) -> float:
        if self._plan.polls:
            return float(min(1.0, record["polls"] / self._plan.polls))
        elapsed = time.time() - record["began"]
        return min(1.0, elapsed / self._plan.seconds) if self._plan.seconds else 1.0

    async def _advance(self, record: dict[str, Any]) -> None:
        batch, end, now = record["batch"], record["end"], int(time.time())
        problems = record["problems"]
        if end == "failed" and not problems:
            message = "Enqueued token limit reached for this model. Try again later."
            problems = [
                {"code": "token_limit_exceeded", "message": message, "param": None, "line": None}
            ]
        if problems and end != "cancelled":
            batch.update(status="failed", failed_at=now)
            batch["errors"] = {"object": "list", "data": problems}
            return
        batch.setdefault("in_progress_at", int(record["began"]))
        progress = self._progress(record)
        if end != "cancelled" and progress < 1:
            done = int(progress * record["total"])
            batch["status"] = "finalizing" if progress >= _FINALIZING_FROM else "in_progress"
            batch["request_counts"] = {"total": record["total"], "completed": done, "failed": 0}
            return
        share = {"completed": 1.0, "expired": self._plan.done_at_expiry}.get(end, record["done"])
        outcome = await asyncio.to_thread(self._work, record, share)
        self._close(record, outcome, now)

    def _work(self, record: dict[str, Any], share: float) -> Outcome:
        if record["problems"]:  # cancelled before anybody saw that its input is broken
            return Outcome()
        lines = list(parse(self.files.content(record["batch"]["input_file_id"])))
        endpoint = URLS[record["batch"]["endpoint"]]
        worker = LineWorker(self._bench, endpoint, self._plan.error, self._attempts)
        otherwise = EXPIRED if record["end"] == "expired" else CANCELLED
        return worker.work(lines, int(share * len(lines)), otherwise)

    def _close(self, record: dict[str, Any], outcome: Outcome, now: int) -> None:
        batch, end = record["batch"], record["end"]
        for part, lines in (("output", outcome.output), ("error", outcome.errors)):
            if lines:  # a file without lines is not made
                content = "".join(f"{line}\n" for line in lines).encode()
                named = f"{batch['id']}_{part}.jsonl"
                made = self.files.add(content, filename=named, purpose="batch_output")
                batch[f"{part}_file_id"] = made["id"]
        completed, failed = len(outcome.output), len(outcome.errors)
        batch["request_counts"] = {
            "total": completed + failed,
            "completed": completed,
            "failed": failed,
        }
        batch["usage"] = token_usage(outcome.read, outcome.written)
        batch.update({"status": end, f"{end}_at": now, "finalizing_at": now})
        for entry, sent in outcome.entries:
            self._bench.ledger.add(entry, sent=sent)
        if self._folder:
            write_whole(self._folder / "attempts.json", json.dumps(self._attempts).encode())

    def _keep(self, record: dict[str, Any]) -> None:
        if self._folder:
            path = self._folder / f"{record['batch']['id']}.json"
            write_whole(path, json.dumps(record).encode())
