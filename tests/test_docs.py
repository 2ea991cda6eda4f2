"""What the pages on the ground floor show is what happens, and the table of fields is the list of fields."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aura_logging.schema import FIELDS

ROOT = Path(__file__).resolve().parents[1]

# Runs a page's Python in order, in one namespace: prompts as doctests, everything else as it stands.
RUN_PAGE = """
import doctest, re, sys
names = {"__name__": "__main__"}
for number, block in enumerate(re.findall(r"^```python\\n(.*?)^```", open(sys.argv[1]).read(), re.M | re.S)):
    if ">>>" in block:
        test = doctest.DocTestParser().get_doctest(block, names, f"block {number}", sys.argv[1], 0)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        runner.run(test, clear_globs=False)
        names.update(test.globs)
        if runner.failures:
            sys.exit(1)
    else:
        exec(compile(block, f"block {number}", "exec"), names)
"""


@pytest.mark.parametrize(
    "page",
    [
        "alerts.md",
        "audit.md",
        "configuration.md",
        "context.md",
        "debug_on_failure.md",
        "delivery.md",
        "fast_lane.md",
        "fields.md",
        "health.md",
        "metrics.md",
        "sampling.md",
    ],
)
def test_the_examples_of_a_page_run(page: str, tmp_path: Path) -> None:
    quiet = {
        name: value for name, value in os.environ.items() if name not in ("SERVICE_NAME", "ENVIRONMENT", "VERSION")
    }

    outcome = subprocess.run(
        [sys.executable, "-c", RUN_PAGE, ROOT / "docs" / page],
        cwd=tmp_path, env=quiet, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def table_of_fields() -> str:
    rows = ["| field | type | meaning | ECS | OpenTelemetry |", "| --- | --- | --- | --- | --- |"]
    for field in FIELDS:
        ecs, otel = (f"`{name}`" if name else "" for name in (field.ecs, field.otel))
        rows.append(f"| `{field.name}` | {field.kind} | {field.meaning} | {ecs} | {otel} |")
    return "\n".join(rows)


def test_the_table_of_fields_is_the_list_of_fields() -> None:
    (written,) = re.findall(r"^\| field .*?(?=\n\n|\Z)", (ROOT / "docs" / "fields.md").read_text(), re.M | re.S)

    assert written.strip() == table_of_fields(), f"docs/fields.md should have\n\n{table_of_fields()}\n"


@pytest.mark.parametrize(
    "page",
    [
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "docs/audit.md",
        "docs/context.md",
        "docs/configuration.md",
        "docs/dashboard.md",
        "docs/debug_on_failure.md",
        "docs/delivery.md",
        "docs/fast_lane.md",
        "docs/fields.md",
        "docs/health.md",
        "docs/sampling.md",
    ],
)
def test_a_page_names_no_file_that_is_not_there(page: str) -> None:
    text = (ROOT / page).read_text()
    linked = [target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]

    assert [target for target in linked if target and not (ROOT / page).parent.joinpath(target).exists()] == []
