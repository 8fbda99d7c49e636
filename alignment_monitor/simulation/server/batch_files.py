"""Files of the batch API: kept in memory, or in a folder that a restarted server finds again.

Here belong: storing and finding files, and the one way in which anything is written to the state
folder. What the files mean belongs beside this.
"""

import json
import os
import time
import uuid
from pathlib import Path
from typing import Any


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a server started after a kill, sees all of it or none."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


class FileStore:
    """File objects by id, with their contents."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._objects: dict[str, dict[str, Any]] = {}
        self._contents: dict[str, bytes] = {}
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.glob("*.json"):
                self._objects[path.stem] = json.loads(path.read_bytes())

    def add(self, content: bytes, *, filename: str, purpose: str) -> dict[str, Any]:
        """Keep a file; gives its object."""
        name = f"file-{uuid.uuid4().hex[:24]}"
        described = {
            "id": name,
            "object": "file",
            "bytes": len(content),
            "created_at": int(time.time()),
            "filename": filename,
            "purpose": purpose,
            "status": "processed",
        }
        if self._folder:
            # The object comes last: a file counts as kept once it can be found.
            write_whole(self._folder / f"{name}.content", content)
            write_whole(self._folder / f"{name}.json", json.dumps(described).encode())
        else:
            self._contents[name] = content
        self._objects[name] = described
        return described

    def find(self, name: str) -> dict[str, Any] | None:
        """A file's object; None if there is none of that id."""
        return self._objects.get(name)

    def content(self, name: str) -> bytes:
        """A file's content.

        Raises:
            KeyError: there is none of that id.
        """
        if name not in self._objects:
            raise KeyError(name)
        if self._folder:
            return (self._folder / f"{name}.content").read_bytes()
        return self._contents[name]
