"""Write out what other products need to show and watch what we count and log: dashboards, rules, mappings.

Everything is generated from `metrics/catalogue.py` and `schema.py`, so it names only what exists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from aura_logging.alerts import AlertOptions
from aura_logging.assets import elk, grafana, prometheus, shippers
from aura_logging.options import OptionError, nearest

__all__ = ["KINDS", "FilesDifferError", "files", "write"]

Files = Mapping[str, str]

KINDS: Mapping[str, Callable[[], Files]] = {
    "grafana": grafana.files,
    "prometheus": prometheus.files,
    "elk": elk.files,
    "vector": shippers.vector,
    "fluentbit": shippers.fluentbit,
    "loki": shippers.loki,
    "shippers": shippers.files,
}
"""What can be written, and what makes it: each returns texts by file name."""


class FilesDifferError(FileExistsError):
    """Files are there that say something else than what would be written."""


def files(kind: str, thresholds: AlertOptions | None = None) -> Files:
    """Return the texts of one kind by file name; `OptionError` names the kinds there are.

    `thresholds` are for Prometheus's alerts; by default the contract's.
    """
    if kind not in KINDS:
        raise OptionError(f"asset {kind!r} is unknown. {nearest(kind, KINDS)}")
    return prometheus.files(thresholds) if kind == "prometheus" else KINDS[kind]()


def write(
    kind: str, directory: str | Path, thresholds: AlertOptions | None = None, *, replace: bool = False
) -> list[Path]:
    """Write the files of one kind into a directory, made if it is not there; return their paths.

    A file that is there already and says something else may have been edited: it is replaced only with `replace`;
    without, `FilesDifferError` names each such file and nothing is written. Raises `OptionError` for an unknown kind,
    and `OSError` as the disk does.
    """
    texts = {Path(directory) / name: text for name, text in files(kind, thresholds).items()}
    others = [path for path, text in texts.items() if path.exists() and path.read_bytes() != text.encode()]
    if others and not replace:
        raise FilesDifferError(f"{', '.join(map(str, others))}: there already, with other contents")
    Path(directory).mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)
