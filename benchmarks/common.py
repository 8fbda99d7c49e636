"""What the benchmarks share: the page of results, the machine, and environments of other tools.

Here does not belong: anything that is measured.
"""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PAGE = FOLDER.parent / "docs" / "benchmarks.md"
PEERS = FOLDER / "peers.txt"
PEERS_DETECTION = FOLDER / "peers-detection.txt"
CACHE = Path.home() / ".cache" / "alignment-monitor"


class UnavailableError(Exception):
    """A tool cannot be installed here; the message says why."""


def write_section(name: str, text: str, page: Path = PAGE) -> None:
    """Put a text between the markers ``<!-- name -->`` and ``<!-- /name -->`` of a page."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, rest = page.read_text(encoding="utf-8").split(start)
    _, after = rest.split(end)
    page.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


def table(header: str, rows: list[tuple[object, ...]]) -> str:
    """A Markdown table; | parts the header's columns: the first is of words, others of figures."""
    names = [name.strip() for name in header.split("|")]
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def machine(*packages: str) -> str:
    """Cores, Python and versions of what was measured."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    python = ".".join(map(str, sys.version_info[:3]))
    return f"{os.cpu_count()} cores, Python {python}" + (f", {versions}" if versions else "")


def pinned(*names: str, page: Path = PEERS) -> list[str]:
    """The lines of a list of peers about these packages; all its lines without names."""
    lines = page.read_text(encoding="utf-8").split()
    wanted = names or [line.partition("==")[0] for line in lines]
    return [next(line for line in lines if line.startswith(f"{name}==")) for name in wanted]


def installed(name: str, requirements: list[str]) -> Path | None:
    """The Python of an environment that holds just these packages; none if it is not made yet."""
    folder = CACHE / "peers" / name
    stamp = folder / "installed.txt"
    made = stamp.exists() and stamp.read_text(encoding="utf-8") == "\n".join(requirements)
    return folder / "bin" / "python" if made else None


def run_peer(python: Path, script: str, *options: str, folder: Path, timeout: float) -> str:
    """What a script of ``peers`` prints, run in an environment of its own.

    Raises:
        RuntimeError: it failed; the message ends with what it said.
    """
    command = [str(python), str(FOLDER / "peers" / script), *options]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=timeout, cwd=folder
    )
    if done.returncode:
        raise RuntimeError(f"{script} failed: {done.stderr[-2000:]}")
    return done.stdout


def environment(name: str, requirements: list[str], *, alone: bool = False) -> Path:
    """The Python of a virtual environment of its own, outside the repository, made if need be.

    Args:
        name: of the environment.
        requirements: pinned packages.
        alone: without what they depend on.

    Raises:
        UnavailableError: uv is missing, or the packages cannot be had as wheels.
    """
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise UnavailableError("uv is not installed: run `make setup`")
    made = installed(name, requirements)
    if made is not None:
        return made
    folder = CACHE / "peers" / name
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    print(f"Installing {' '.join(requirements)} into {folder} ...", flush=True)
    # Never built from source: that would take longer than the benchmark, where it works at all.
    install = ["pip", "install", "--quiet", "--no-build", "--python", str(python), *requirements]
    for step in (
        ["venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [*install, *(["--no-deps"] if alone else ["--compile-bytecode"])],
    ):
        done = subprocess.run([uv, *step], capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1].strip()
            raise UnavailableError(f"{' '.join(requirements)} cannot be installed: {last}")
    stamp.write_text("\n".join(requirements), encoding="utf-8")
    return python
