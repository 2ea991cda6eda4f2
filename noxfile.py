"""Run the suite against the built wheel on every Python and Django that we support."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nox

nox.options.default_venv_backend = "virtualenv"
nox.options.sessions = ["tests"]
nox.options.error_on_missing_interpreters = False

DJANGOS_BY_PYTHON = {
    "3.11": ["5.2"],  # Django 6 needs 3.12
    "3.12": ["5.2", "6.0", "6.1"],
    "3.13": ["5.2", "6.0", "6.1"],
    "3.14": ["5.2", "6.0", "6.1"],
}
MATRIX = [(python, django) for python, djangos in DJANGOS_BY_PYTHON.items() for django in djangos]
TEST_GROUP = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test")


def _find_interpreters() -> None:
    """Put pyenv's interpreters on PATH as well; nox skips, and says so, what it finds nowhere."""
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return
    for python in DJANGOS_BY_PYTHON:
        found = subprocess.run([pyenv, "prefix", python], capture_output=True, text=True, check=False)  # noqa: S603  # no input of anybody's
        if found.returncode == 0:
            os.environ["PATH"] = os.pathsep.join([f"{found.stdout.strip()}/bin", os.environ["PATH"]])


_find_interpreters()


@functools.cache
def _wheel() -> Path:
    """Build the wheel, once for the whole run."""
    directory = Path(tempfile.mkdtemp(prefix="aura-wheel-"))
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", str(directory)], check=True)  # noqa: S603  # nor here
    return next(directory.glob("*.whl"))


@nox.session
@nox.parametrize(["python", "django"], MATRIX)
def tests(session: nox.Session, django: str) -> None:
    """Run the suite against the installed wheel; arguments after `--` go to pytest."""
    session.install(f"aura-logging @ {_wheel().as_uri()}", f"Django~={django}.0", *TEST_GROUP)
    # Not from src: a file that the wheel lacks must fail here.
    session.run("python", "-c", "import aura_logging as a; assert 'site-packages' in a.__file__, a.__file__")
    session.run("python", "-m", "pytest", *session.posargs, env={"PYTHONPATH": None})
