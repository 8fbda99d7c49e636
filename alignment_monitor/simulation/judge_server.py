"""The simulated judge behind HTTP, as an OpenAI-compatible server on this machine.

Here belong: reading the judged message out of a request, the wire format and the life of the
process. What the judge answers belongs beside this.
"""

import argparse
import asyncio
import json
import os
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.simulation.judge import SENSITIVITY, SPECIFICITY, Rate, SimulatedJudge
from alignment_monitor.simulation.truth import Truth, TruthError, text_key

MODEL = "simulated-judge"
HOST = "127.0.0.1"
PARENT_CHECK_SECONDS = 0.5

_END = re.compile(r"^<<([0-9a-f]+) end>>\s+Judge message M(\d+)\.\s*\Z", re.MULTILINE)
"""Only the genuine last fence precedes the last line, so nothing within can pose as it."""


def judged_message(prompt: str) -> str | None:
    """Text of the judged message in a judging prompt; None if the prompt is not one."""
    if not (end := _END.search(prompt)):
        return None
    nonce, index = end.groups()
    block = re.compile(
        rf"^<<{nonce} M{index} assistant>>\n(.*?)\n<<{nonce} ", re.DOTALL | re.MULTILINE
    )
    found = block.search(prompt)
    return found.group(1) if found else None


def build_app(
    truth: Truth,
    *,
    seed: int = 0,
    sensitivity: Rate = SENSITIVITY,
    specificity: Rate = SPECIFICITY,
    model: str = MODEL,
    request_log: Path | None = None,
) -> Starlette:
    """The server as an ASGI application.

    Args:
        truth: what the judge knows.
        seed: decides on which messages it errs.
        sensitivity: P(event reported | event), for all questions or by question.
        specificity: P(no event reported | no event), likewise.
        model: name it answers under.
        request_log: file that gets one JSON line per judged request: time and text key.
    """
    judge = SimulatedJudge(truth, load_rubric(), seed, sensitivity, specificity)
    log = request_log.open("a", buffering=1, encoding="utf-8") if request_log else None

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if log:
                stack.enter_context(log)
            yield

    async def complete(request: Request) -> JSONResponse:
        try:
            prompt = _user_message(json.loads(await request.body()))
        except (ValueError, KeyError, TypeError, IndexError):
            return _refused("the body is not a chat completion request with a user message")
        message = judged_message(prompt)
        if message is None:
            return _refused("the user message does not end with a fenced message to judge")
        key = text_key(message)
        if log:
            log.write(json.dumps({"time": time.time(), "key": key}) + "\n")
        content = json.dumps(judge.answer(message), ensure_ascii=False)
        return JSONResponse(_completion(model, key, prompt, content))

    async def models(_request: Request) -> JSONResponse:
        entry = {"id": model, "object": "model", "created": 0, "owned_by": "alignment-monitor"}
        return JSONResponse({"object": "list", "data": [entry]})

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "known_texts": len(truth)})

    return Starlette(
        routes=[
            Route("/v1/chat/completions", complete, methods=["POST"]),
            Route("/v1/models", models),
            Route("/health", health),
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
    with socket.create_server((HOST, port), backlog=1024) as listener:
        # Inherited by each connection; without it a reply waits 40 ms for an acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chosen = listener.getsockname()[1]
        if port_file:
            temporary = port_file.with_name(f"{port_file.name}.{os.getpid()}.tmp")
            temporary.write_text(str(chosen), encoding="utf-8")
            temporary.replace(port_file)
        print(f"listening on http://{HOST}:{chosen}/v1", flush=True)
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(app, listener, os.getppid()))


async def _serve(app: Starlette, listener: socket.socket, parent: int) -> None:
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)

    async def leave_with_parent() -> None:
        while os.getppid() == parent:
            await asyncio.sleep(PARENT_CHECK_SECONDS)
        server.should_exit = True

    watch = asyncio.create_task(leave_with_parent())
    await server.serve(sockets=[listener])
    watch.cancel()


def _user_message(body: dict[str, Any]) -> str:
    texts = [turn["content"] for turn in body["messages"] if turn["role"] == "user"]
    if not isinstance(texts[-1], str):
        raise TypeError("content must be text")
    return texts[-1]


def _completion(model: str, key: str, prompt: str, content: str) -> dict[str, Any]:
    asked, answered = len(prompt) // 4, len(content) // 4
    return {
        "id": f"chatcmpl-{key}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": content, "refusal": None},
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": asked,
            "completion_tokens": answered,
            "total_tokens": asked + answered,
        },
    }


def _refused(reason: str) -> JSONResponse:
    error = {"message": reason, "type": "invalid_request_error", "param": None, "code": None}
    return JSONResponse({"error": error}, status_code=400)


def main() -> None:
    """Serve a truth file."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--truth", type=Path, required=True, help="Parquet file of labels")
    parser.add_argument("--port-file", type=Path, help="gets the chosen port")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--seed", type=int, default=0, help="decides where the judge errs")
    parser.add_argument("--log", type=Path, help="gets one JSON line per judged request")
    given = parser.parse_args()
    try:
        truth = Truth.load(given.truth)
    except TruthError as error:
        parser.error(str(error))
    app = build_app(truth, seed=given.seed, request_log=given.log)
    serve(app, port=given.port, port_file=given.port_file)


if __name__ == "__main__":
    main()
