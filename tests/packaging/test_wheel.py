"""What we publish is whole: the built wheel and sdist hold what the source tree promises."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "src"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the sdist, and the wheel built from that sdist, as an index would serve them."""
    directory = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(directory), str(PROJECT)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python_with_wheel(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a fresh environment that holds the wheel and finds our dependencies next door."""
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home, with_pip=False, symlinks=True)
    site_packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(home), "platbase": str(home)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages)  # which is what installing a pure wheel without scripts is
    # After the wheel's own directory, and without the neighbours' .pth files: an editable install stays unseen.
    neighbours = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site_packages / "dependencies.pth").write_text("\n".join(sorted(neighbours)))
    return home / "bin" / "python"


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    kept = {
        str(path.relative_to(SOURCE))
        for path in (SOURCE / "aura_logging").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert packed == kept
    assert "aura_logging/py.typed" in packed


def test_the_metadata_says_what_the_project_says(wheel: Path) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]

    with zipfile.ZipFile(wheel) as archive:
        (metadata_name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(metadata_name).decode())

    assert metadata["Name"] == "aura-logging"
    assert metadata["Version"] == project["version"]
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Description-Content-Type"] == "text/markdown"
    required = {_what(line) for line in metadata.get_all("Requires-Dist", [])}
    assert {_what(line) for line in project["dependencies"]} <= required


def test_the_sdist_brings_the_tests_and_the_example(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")

    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"LICENSE", "README.md", "Makefile", "noxfile.py", "pyproject.toml"} <= names
    assert {"tests/conftest.py", "examples/shop/manage.py", "scripts/make-venv"} <= names
    assert not [name for name in names if name.startswith("examples/shop/logs")]


IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=[
        "django.contrib.admin", "django.contrib.contenttypes", "django.contrib.auth", "aura_logging.django",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()

import aura_logging

assert aura_logging.__file__.startswith(sys.prefix), aura_logging.__file__
names = [aura_logging.__name__]
names += [module.name for module in pkgutil.walk_packages(aura_logging.__path__, "aura_logging.")]
for name in names:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        # An optional integration is imported only by those who have what it integrates.
        assert 'pip install "aura-logging[' in str(error), (name, error)
        continue
    for public in getattr(module, "__all__", []):
        getattr(module, public)
print(len(names))
"""


def test_every_public_name_can_be_imported_from_the_wheel(python_with_wheel: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [python_with_wheel, "-I", "-c", IMPORT_EVERYTHING], cwd=tmp_path, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


def _what(requirement: str) -> str:
    """Return the distribution and its versions without the marker, which metadata spells its own way."""
    return requirement.split(";")[0].replace(" ", "").lower()
