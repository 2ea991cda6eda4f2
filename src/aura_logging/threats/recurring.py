"""Remember which short texts have nothing in them, for those that come again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = ["QuietTexts"]

_TEXTS_AT_MOST = 1_000
_CHARACTERS_AT_MOST = 300
"""Most user agents; a thousand such texts take 0.3 MB."""


class QuietTexts:
    """Texts that an inspector has found quiet: paths, user agents, hosts. Any thread may use it.

    `has_all(texts)` tells whether all of them are known to be quiet; `None` and the empty text always are. Give it
    nothing that is a secret, for it stays in memory. When it is full it forgets all and begins anew.
    """

    def __init__(self) -> None:
        self._texts: set[str | None] = {None, ""}
        self.has_all: Callable[[Iterable[str | None]], bool] = self._texts.issuperset

    def add(self, texts: Iterable[str | None]) -> None:
        """Remember these, except for what is too long."""
        if len(self._texts) >= _TEXTS_AT_MOST:
            self._texts.clear()
            self._texts.update((None, ""))
        self._texts.update(text for text in texts if text is not None and len(text) <= _CHARACTERS_AT_MOST)
