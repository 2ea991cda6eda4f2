"""Serve the style sheet and the script under names that change with what is in them; no collectstatic is needed."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path

from django.http import HttpRequest, HttpResponse

from aura_logging.django.dashboard.guard import staff_only

__all__ = ["asset", "asset_names"]

_DIRECTORY = Path(__file__).parents[1] / "static" / "aura"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_A_YEAR = 31_536_000


@staff_only
def asset(request: HttpRequest, name: str) -> HttpResponse:
    """Answer with a file by its name with its hash, to be kept for ever; 404 for another hash."""
    for plain, hashed in asset_names().items():
        if hashed == name:
            path = _path(plain)
            return HttpResponse(
                path.read_bytes(),
                content_type=_TYPES[path.suffix],
                headers={"Cache-Control": f"private, max-age={_A_YEAR}, immutable"},
            )
    reason = "There is no such file; a page of another release may have asked for it.\n"
    return HttpResponse(reason, status=404, content_type="text/plain; charset=utf-8")


@functools.cache
def asset_names() -> Mapping[str, str]:
    """Return the name to serve each file under, by its name without dots: `aura_css` is `aura.1f2e3d4c.css`."""
    return {
        path.name.replace(".", "_"): f"{path.stem}.{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}{path.suffix}"
        for path in sorted(_DIRECTORY.iterdir())
        if path.suffix in _TYPES
    }


def _path(plain: str) -> Path:
    stem, _, suffix = plain.rpartition("_")
    return _DIRECTORY / f"{stem}.{suffix}"
