"""The house keeps its layers, and only one room knows Django."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import aura_logging

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(aura_logging.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)
TOP_LEVEL = sorted(
    path.stem
    for path in PACKAGE.iterdir()
    if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
)
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if "site" not in path.parts)

# A client that takes its time, behind no real server.
SLEEPERS = {"tests/django/test_performance_middleware.py"}


def contracts() -> dict[str, dict[str, Any]]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return {each["type"]: each for each in tomllib.load(file)["tool"]["importlinter"]["contracts"]}


def test_the_layers_are_kept() -> None:
    outcome = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": "", "PYTHONPATH": str(PACKAGE.parent)},
    )  # fmt: skip

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "Contracts: 2 kept, 0 broken." in outcome.stdout


@pytest.mark.parametrize("module", TOP_LEVEL)
def test_every_room_has_a_layer_and_all_but_one_are_kept_from_django(module: str) -> None:
    layers = re.findall(r"aura_logging\.(\w+)", " ".join(contracts()["layers"]["layers"]))
    without_django = [name.removeprefix("aura_logging.") for name in contracts()["forbidden"]["source_modules"]]

    assert layers.count(module) == 1
    assert without_django.count(module) == (module != "django")


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_asks_for_nothing_of_ours_that_is_gone(path: Path) -> None:
    gone = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and re.match(r"aura_logging(?!\.django)", node.module or "")
        for alias in node.names
        if not hasattr(importlib.import_module(str(node.module)), alias.name)
        and importlib.util.find_spec(f"{node.module}.{alias.name}") is None
    ]

    assert gone == []


def test_the_contracts_name_no_room_that_is_not_there() -> None:
    without_django = [name.removeprefix("aura_logging.") for name in contracts()["forbidden"]["source_modules"]]
    built = re.findall(r"aura_logging\.(\w+)(?!\w|\))", " ".join(contracts()["layers"]["layers"]))

    assert set(without_django) - set(TOP_LEVEL) == set()
    assert set(built) - set(TOP_LEVEL) == set()


IMPORT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    assert "django" not in sys.modules, name
"""


def test_nothing_but_our_django_package_brings_django_along() -> None:
    names = ["aura_logging", *(f"aura_logging.{name}" for name in TOP_LEVEL if name not in ("django", "integrations"))]

    outcome = subprocess.run([sys.executable, "-c", IMPORT, *names], capture_output=True, text=True, timeout=60)

    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_modules_first_line_says_its_idea(path: Path) -> None:
    source = path.read_text()

    assert source.startswith(('"""', 'r"""'))
    first = (ast.get_docstring(ast.parse(source)) or "").split("\n")[0]
    assert first[:1].isupper() or first[:1].isdigit(), first
    assert len(first) > 15
    assert not re.search(r"\b(utils?|helpers?|common|misc)\b", f"{path.stem} {first}".lower())


def sleeps_outside_of_polling(node: ast.AST, polls: bool = False) -> list[int]:
    """Return the lines of sleeps that are in no loop that looks for what another process or thread has done."""
    if isinstance(node, ast.Call) and not polls:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        yields_only = bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
        if name == "sleep" and not yields_only:
            return [node.lineno]
    polls = polls or isinstance(node, ast.While)
    return [line for child in ast.iter_child_nodes(node) for line in sleeps_outside_of_polling(child, polls)]


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_test_sleeps_to_be_right(path: Path) -> None:
    if str(path.relative_to(ROOT)) in SLEEPERS:
        return

    assert sleeps_outside_of_polling(ast.parse(path.read_text())) == []
