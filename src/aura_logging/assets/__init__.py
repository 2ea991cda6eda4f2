"""Write out what other products need to show and watch what we count and log: dashboards, rules, mappings.

Everything is generated from `metrics/catalogue.py` and `schema.py`, so it names only what exists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from aura_logging.assets import elk, grafana, prometheus, shippers
from aura_logging.options import OptionError, nearest

__all__ = ["KINDS", "files", "write"]

Files = Mapping[str, str]

KINDS: Mapping[str, Callable[[], Files]] = {
    "grafana": grafana.files,
    "prometheus": prometheus.files,
    "elk": elk.files,
    "shippers": shippers.files,
}
"""What can be written, and what makes it: each returns texts by file name."""


def files(kind: str) -> Files:
    """Return the texts of one kind by file name; `OptionError` names the kinds there are."""
    if kind not in KINDS:
        raise OptionError(f"asset {kind!r} is unknown. {nearest(kind, KINDS)}")
    return KINDS[kind]()


def write(kind: str, directory: str | Path) -> list[Path]:
    """Write the files of one kind into a directory, made if it is not there; return their paths.

    Files of the same names are replaced. Raises `OptionError` for an unknown kind and `OSError` as the disk does.
    """
    target = Path(directory)
    texts = files(kind)
    target.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in texts.items():
        path = target / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths
