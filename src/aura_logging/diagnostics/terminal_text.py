"""Lay text out for a terminal of 80 columns: colour where it is wanted, nothing that drives the terminal."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from aura_logging.formatters import escape

__all__ = ["WIDTH", "Paint", "ascii_only", "cut", "fitted", "wants_colour", "wrapped"]

WIDTH = 80

_STYLES: Mapping[str, str] = {"bold": "1", "quiet": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_STYLED = re.compile(r"(\x1b\[[0-9;]*m)")
_ASCII = str.maketrans({
    "\u25cf": "*", "\u2026": "~", "\u00b7": "-", "\u2192": ">", "\u2013": "-", "\u2014": "-",
    "\u2714": "+", "\u2718": "x", "\u25b2": "!", "\u2514": "`", "\u2500": "-",
    **dict.fromkeys("\u2581\u2582\u2583", "."), **dict.fromkeys("\u2584\u2585\u2586", ":"),
    **dict.fromkeys("\u2587\u2588", "#"),
})  # fmt: skip


def wants_colour(stream: Any, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether somebody watches, and has not asked for plain text (no-color.org)."""
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty())


class Paint:
    """Puts styles around text, or does not."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, *styles: str) -> str:
        """Return the text in these styles: `bold`, `quiet`, `red`, `green`, `yellow`, `cyan`."""
        if not self._colour or not styles or not text:
            return text
        return f"\x1b[{';'.join(_STYLES[style] for style in styles)}m{text}\x1b[0m"


def fitted(text: str, width: int) -> str:
    """Return the text without control characters, cut to the width."""
    text = escape(text)
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def cut(line: str) -> str:
    """Return a line of which no more than the terminal's width is seen; styles of ours take no room."""
    room, parts = WIDTH, []
    for part in _STYLED.split(line):
        if _STYLED.fullmatch(part):
            parts.append(part)
        elif part and room:
            seen = part if len(part) <= room else part[: room - 1] + "…"
            parts.append(seen)
            room -= len(seen)
    return "".join(parts)


def wrapped(text: str, indent: str = "", first: str | None = None) -> list[str]:
    """Return the text in lines of the terminal's width, those after the first one indented."""
    return textwrap.wrap(
        escape(text),
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=True,
        break_on_hyphens=False,
    )


def ascii_only(text: str) -> str:
    """Return the text for a terminal that knows no more than ASCII."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()
