"""Run the checks of tests/orm_site, each database in a process of its own: Django can be set up once in a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "tests" / "orm_site"


def run_checks(*names: str, **environment: str) -> None:
    path = os.pathsep.join([str(SITE), *filter(None, [os.environ.get("PYTHONPATH")])])
    checks = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", ROOT / "pyproject.toml", "-o", "python_files=check_*.py",
         "-p", "orm_plugin", "-p", "no:cacheprovider", *(SITE / name for name in names or ["."])],
        env={**os.environ, "PYTHONPATH": path, **environment}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checks.returncode == 0, checks.stdout[-8000:] + checks.stderr[-2000:]


def test_every_situation_is_judged_rightly_on_sqlite() -> None:
    run_checks()


def test_every_situation_is_judged_rightly_on_postgresql(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE orm_site")
    run_checks(ORM_SITE_DSN=postgres_dsn.rpartition("/")[0] + "/orm_site")


def test_every_situation_is_judged_rightly_on_mariadb(mariadb_dsn: str) -> None:
    # What a cache does is the same for all.
    names = (
        "n_plus_one", "innocents", "overrides", "ways", "nested_loops", "computed", "look_ups", "serializers",
        "questions", "requests",
    )  # fmt: skip
    run_checks(*(f"check_{name}.py" for name in names), ORM_SITE_DSN=mariadb_dsn)
