"""The file and batch endpoints over HTTP.

Here belong: reading their requests and the errors that they answer at once. What happens to a
batch belongs beside this.
"""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from alignment_monitor.simulation.server.batch_lines import URLS
from alignment_monitor.simulation.server.batches import WINDOW, BatchError, Batches
from alignment_monitor.simulation.server.errors import error_body

DEFAULT_PAGE, LARGEST_PAGE = 20, 100


def batch_routes(batches: Batches) -> list[Route]:
    """The routes of files and batches."""
    api = BatchApi(batches)
    return [
        Route("/v1/files", api.upload, methods=["POST"]),
        Route("/v1/files/{id}", api.file),
        Route("/v1/files/{id}/content", api.content),
        Route("/v1/batches", api.create, methods=["POST"]),
        Route("/v1/batches", api.listed),
        Route("/v1/batches/{id}", api.batch),
        Route("/v1/batches/{id}/cancel", api.cancel, methods=["POST"]),
    ]


class BatchApi:
    """The handlers of the routes."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def upload(self, request: Request) -> Response:
        """POST /v1/files."""
        async with request.form() as form:
            upload, purpose = form.get("file"), form.get("purpose")
            if upload is None or isinstance(upload, str) or purpose != "batch":
                return _refused("A file with purpose 'batch' is needed.", param="file")
            content = await upload.read()
        name = upload.filename or "file"
        return JSONResponse(self._batches.files.add(content, filename=name, purpose="batch"))

    async def file(self, request: Request) -> Response:
        """GET /v1/files/{id}."""
        name = request.path_params["id"]
        found = self._batches.files.find(name)
        return JSONResponse(found) if found else _missing("File", name)

    async def content(self, request: Request) -> Response:
        """GET /v1/files/{id}/content."""
        name = request.path_params["id"]
        try:
            content = self._batches.files.content(name)
        except KeyError:
            return _missing("File", name)
        return Response(content, media_type="application/octet-stream")

    async def create(self, request: Request) -> Response:
        """POST /v1/batches."""
        try:
            body = dict(json.loads(await request.body()))
        except (ValueError, TypeError):
            return _refused("The body is not a JSON object.")
        if body.get("endpoint") not in URLS:
            return _refused(f"The endpoint is one of {', '.join(URLS)}.", param="endpoint")
        if body.get("completion_window") != WINDOW:
            return _refused(f"The window is {WINDOW}.", param="completion_window")
        name = str(body.get("input_file_id"))
        found = self._batches.files.find(name)
        if found is None or found["purpose"] != "batch":
            return _refused(f"No file for batches: {name}", param="input_file_id")
        return JSONResponse(
            await self._batches.create(name, body["endpoint"], body.get("metadata"))
        )

    async def batch(self, request: Request) -> Response:
        """GET /v1/batches/{id}."""
        name = request.path_params["id"]
        try:
            return JSONResponse(await self._batches.retrieve(name))
        except KeyError:
            return _missing("Batch", name)

    async def cancel(self, request: Request) -> Response:
        """POST /v1/batches/{id}/cancel."""
        name = request.path_params["id"]
        try:
            return JSONResponse(await self._batches.cancel(name))
        except KeyError:
            return _missing("Batch", name)
        except BatchError as error:
            return _refused(str(error), status=409)

    async def listed(self, request: Request) -> Response:
        """GET /v1/batches."""
        names, after = self._batches.newest_first(), request.query_params.get("after")
        limit = request.query_params.get("limit", str(DEFAULT_PAGE))
        if not limit.isdecimal() or not 1 <= int(limit) <= LARGEST_PAGE:
            return _refused(f"limit is between 1 and {LARGEST_PAGE}.", param="limit")
        if after is not None:
            if after not in names:
                return _missing("Batch", after)
            names = names[names.index(after) + 1 :]
        page = [await self._batches.retrieve(name, polled=False) for name in names[: int(limit)]]
        answer: dict[str, Any] = {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": len(names) > len(page),
        }
        return JSONResponse(answer)


def _missing(kind: str, name: str) -> Response:
    return _refused(f"No such {kind} object: {name}", param="id", status=404)


def _refused(message: str, *, param: str | None = None, status: int = 400) -> Response:
    return JSONResponse(error_body(message, param=param), status_code=status)
