"""Give every run a directory of its own, and take an old one when nobody uses it."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHOP_DIR = Path(__file__).resolve().parent.parent
LOCK_NAME = ".in-use"


@contextmanager
def own_directory(wanted: Path, *, fresh: bool) -> Iterator[Path]:
    """Lend `wanted`, or `wanted-2`, `wanted-3` … where other runs that are under way have taken those.

    What an earlier run left there is removed first when `fresh`. The directory stays when the run ends.
    """
    number = 1
    while True:
        directory = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / LOCK_NAME).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                number += 1
                continue
            if fresh:
                _empty(directory)
            yield directory
            return


def short(path: Path) -> str:
    """Name a place as somebody in the project's directory would."""
    project = SHOP_DIR.parent.parent
    return str(path.relative_to(project)) if path.is_relative_to(project) else str(path)


def _empty(directory: Path) -> None:
    for path in directory.iterdir():
        if path.name == LOCK_NAME:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
