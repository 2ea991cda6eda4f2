"""Remember which short texts have nothing in them, for those that come again and again."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["QuietTexts"]

_TEXTS_AT_MOST = 1_000
"""They take 0.3 MB, or 1.2 if they are of characters that nobody puts into a URL."""

_CHARACTERS_AT_MOST = 300
"""Most user agents are shorter."""


class QuietTexts:
    """Texts that an inspector has found quiet: paths, user agents, hosts. Any thread may use it.

    They stay in memory: add nothing that is kept secret from logs. When it is full it forgets all and begins anew.
    """

    def __init__(self) -> None:
        self._texts: set[str] = set()

    def unknown(self, texts: Iterable[str | None]) -> set[str]:
        """Return those that are not known to be quiet; `None` and the empty text have nothing in them."""
        return {*filter(None, texts)} - self._texts

    def add(self, texts: Iterable[str]) -> None:
        """Remember these, except for what is too long."""
        if len(self._texts) >= _TEXTS_AT_MOST:
            self._texts.clear()
        self._texts.update(text for text in texts if len(text) <= _CHARACTERS_AT_MOST)
