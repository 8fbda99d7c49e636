"""A server on this machine that speaks the OpenAI API and answers as the simulated judge.

Here belong: putting the application together, and the life of the process. What the endpoints do,
and which faults they can be told to have, belongs beside this (``judging_api``, ``batch_api``,
``faults``).
"""

import argparse
import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.simulation.judge import SENSITIVITY, SPECIFICITY, Rate, SimulatedJudge
from alignment_monitor.simulation.server.batch_api import batch_routes
from alignment_monitor.simulation.server.batches import AT_ONCE, Batches, BatchPlan
from alignment_monitor.simulation.server.faults import NO_FAULTS, NO_LATENCY, FaultPlan, Latency
from alignment_monitor.simulation.server.judging_api import Bench, JudgingEndpoint
from alignment_monitor.simulation.server.ledger import Ledger
from alignment_monitor.simulation.server.plans import PlanError
from alignment_monitor.simulation.server.speech import answers_of
from alignment_monitor.simulation.server.wire import Endpoint, judged_message
from alignment_monitor.simulation.truth import Truth, TruthError

if TYPE_CHECKING:
    import uvicorn

__all__ = ["MODEL", "build_app", "judged_message", "serve"]

MODEL = "simulated-judge"
HOST = "127.0.0.1"
PARENT_CHECK_SECONDS = 0.5
IDLE_SECONDS = 75
"""How long an unused connection stays open; if short, clients meet faults that nobody planned."""


def build_app(
    truth: Truth,
    *,
    seed: int = 0,
    sensitivity: Rate = SENSITIVITY,
    specificity: Rate = SPECIFICITY,
    model: str = MODEL,
    request_log: Path | None = None,
    faults: FaultPlan = NO_FAULTS,
    latency: Latency = NO_LATENCY,
    state_folder: Path | None = None,
    batch: BatchPlan = AT_ONCE,
) -> Starlette:
    """The server as an ASGI application, for ``serve``.

    Args:
        truth: what the judge knows.
        seed: decides on which messages it errs, and which requests meet faults.
        sensitivity: P(event reported | event), for all questions or by question.
        specificity: P(no event reported | no event), likewise.
        model: name it answers under.
        request_log: file that gets one JSON line per judged request, once it has ended: time,
            endpoint, key, attempt, fault, status, and whether the whole answer was sent.
        faults: which share of the requests meets which fault.
        latency: how long an answer takes.
        state_folder: keeps files and batches, so that a restarted server knows them.
        batch: how batches end, and when.
    """
    judge = SimulatedJudge(truth, load_rubric(), seed, sensitivity, specificity)
    log = request_log.open("a", buffering=1, encoding="utf-8") if request_log else None
    ledger = Ledger(log)
    bench = Bench(answers_of(judge), model, ledger, seed, faults, latency)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if log:
                stack.enter_context(log)
            yield

    async def models(_request: Request) -> JSONResponse:
        entry = {"id": model, "object": "model", "created": 0, "owned_by": "alignment-monitor"}
        return JSONResponse({"object": "list", "data": [entry]})

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "known_texts": len(truth)})

    async def stats(_request: Request) -> JSONResponse:
        return JSONResponse(ledger.stats())

    paths = {
        "/v1/chat/completions": Endpoint.CHAT,
        "/v1/responses": Endpoint.RESPONSES,
        "/v1/decisions": Endpoint.DECISIONS,
    }
    return Starlette(
        routes=[
            *(
                Route(path, JudgingEndpoint(endpoint, bench), methods=["POST"])
                for path, endpoint in paths.items()
            ),
            *batch_routes(Batches(bench, batch, state_folder)),
            Route("/v1/models", models),
            Route("/health", health),
            Route("/stats", stats),
        ],
        lifespan=lifespan,
    )


def serve(app: Starlette, *, port: int = 0, port_file: Path | None = None) -> None:
    """Serve until SIGTERM or until the parent process is gone.

    Args:
        app: what ``build_app`` made.
        port: 0 for any free one.
        port_file: gets the port, once connections are accepted.
    """
    import uvicorn

    from alignment_monitor.simulation.server.connection import Connection

    with socket.create_server((HOST, port), backlog=1024) as listener:
        # Inherited by each connection; without it a reply waits 40 ms for an acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chosen = listener.getsockname()[1]
        if port_file:
            temporary = port_file.with_name(f"{port_file.name}.{os.getpid()}.tmp")
            temporary.write_text(str(chosen), encoding="utf-8")
            temporary.replace(port_file)
        print(f"listening on http://{HOST}:{chosen}/v1", flush=True)
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            log_level="warning",
            access_log=False,
            backlog=1024,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=1,
        )
        with (
            suppress(KeyboardInterrupt),
            asyncio.Runner(loop_factory=config.get_loop_factory()) as runner,
        ):
            runner.run(_serve(uvicorn.Server(config), listener, os.getppid()))


async def _serve(server: "uvicorn.Server", listener: socket.socket, parent: int) -> None:
    async def leave_with_parent() -> None:
        while os.getppid() == parent:
            await asyncio.sleep(PARENT_CHECK_SECONDS)
        server.should_exit = True

    watch = asyncio.create_task(leave_with_parent())
    await server.serve(sockets=[listener])
    watch.cancel()


def main() -> None:
    """Serve a truth file."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--truth", type=Path, required=True, help="Parquet file of labels")
    parser.add_argument("--port-file", type=Path, help="gets the chosen port")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--seed", type=int, default=0, help="decides where the judge errs")
    parser.add_argument("--model", default=MODEL, help="name it answers under")
    parser.add_argument("--log", type=Path, help="gets one JSON line per judged request")
    parser.add_argument("--faults", default="", help="shares, as in rate_limit=0.05,timeout=0.02")
    parser.add_argument("--latency", default="", help="milliseconds: 200, or median/p95 200/800")
    parser.add_argument("--state-folder", type=Path, help="keeps files and batches")
    parser.add_argument("--batch", default="", help="as in seconds=5,error=0.1,expired=0.2")
    parser.add_argument("--batch-seconds", type=float, help="how long a batch takes")
    given = parser.parse_args()
    try:
        batch = BatchPlan.parse(given.batch)
        if given.batch_seconds is not None:
            batch = replace(batch, seconds=given.batch_seconds)
        app = build_app(
            Truth.load(given.truth),
            seed=given.seed,
            model=given.model,
            request_log=given.log,
            faults=FaultPlan.parse(given.faults),
            latency=Latency.parse(given.latency),
            state_folder=given.state_folder,
            batch=batch,
        )
    except (TruthError, PlanError) as error:
        parser.error(str(error))
    serve(app, port=given.port, port_file=given.port_file)


if __name__ == "__main__":
    main()
