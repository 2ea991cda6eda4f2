"""Run the checks of tests/audit_site, each database in a process of its own: Django can be set up once in a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pymysql

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "tests" / "audit_site"


# What depends on the database; pages and commands do not.
OF_THE_DATABASE = ("check_bulk.py", "check_processes.py", "check_rows.py", "check_store.py", "check_transactions.py")


def run_checks(state: Path, *files: str, **environment: str) -> None:
    path = os.pathsep.join([str(SITE), *filter(None, [os.environ.get("PYTHONPATH")])])
    checks = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", ROOT / "pyproject.toml", "-o", "python_files=check_*.py",
         "-p", "audit_plugin", "-p", "no:cacheprovider", *(SITE / file for file in files or (".",))],
        env={**os.environ, "PYTHONPATH": path, "CLINIC_DIR": str(state), **environment},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checks.returncode == 0, checks.stdout[-8000:] + checks.stderr[-2000:]


def test_the_trail_is_right_on_sqlite(tmp_path: Path) -> None:
    run_checks(tmp_path)


def test_the_trail_is_right_on_postgresql(tmp_path: Path, postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE clinic")
    run_checks(tmp_path, *OF_THE_DATABASE, CLINIC_DSN=postgres_dsn.rpartition("/")[0] + "/clinic")


def test_the_trail_is_right_on_mariadb(tmp_path: Path, mariadb_dsn: str) -> None:
    server = urlsplit(mariadb_dsn)
    with pymysql.connect(host=server.hostname, port=server.port or 0, user=server.username) as connection:
        connection.cursor().execute("CREATE DATABASE clinic")
    # Rows, transactions and tampering: what a driver and a dialect could do otherwise.
    run_checks(tmp_path, "check_rows.py", "check_store.py", CLINIC_DSN=mariadb_dsn.rpartition("/")[0] + "/clinic")
