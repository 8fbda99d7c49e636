"""Documents are part of the product: commands parse, links lead somewhere, nothing leaks."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from alignment_monitor.cli import app

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = sorted(
    {
        line.split("#")[0].strip()
        for document in DOCUMENTS
        for block in re.findall(r"```bash\n(.*?)```", document.read_text(), re.DOTALL)
        for line in block.splitlines()
        if line.startswith("alignment-monitor ")
    }
)


def test_there_are_commands_to_test():
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("line", COMMANDS)
def test_each_documented_command_is_one_that_exists(line):
    command, words = typer.main.get_command(app), shlex.split(line)[1:]
    context = command.make_context("alignment-monitor", list(words))
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, words)
        context = command.make_context(name, list(words), parent=context)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_that_exist(document):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_every_make_target_that_is_documented_exists():
    makefile = (ROOT / "Makefile").read_text()
    for document in DOCUMENTS:
        for target in re.findall(r"`?make ([a-z]+)`", document.read_text()):
            assert f"\n{target}:" in makefile, target


@pytest.mark.parametrize(
    "module",
    [p for p in sorted((ROOT / "alignment_monitor").rglob("*.py")) if "versions" not in p.parts],
    ids=lambda p: str(p.name),
)
def test_every_module_says_what_belongs_in_it(module):
    import ast

    text = module.read_text()
    if text.strip():
        assert len(ast.get_docstring(ast.parse(text)) or "") > 20, module
