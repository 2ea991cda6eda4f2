"""Say how the rows of a statement came to be asked for, as far as it decides what can be done about them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DIRECT", "PLAIN", "RAW", "Origin", "Way"]


@dataclass(frozen=True, slots=True)
class Origin:
    """What the ORM knew of a statement: `prefetched` is the look-up of the prefetch that it belongs to, if any.

    `joined` names what `select_related` brings along, each as its table and the look-up from the statement's own rows.
    `brings_rows` is false where no new row comes of it: values, and rows that are there already and read again.
    `is_raw` says that the rows are those of the project's own SQL, `is_check` that the ORM asks in order to validate,
    whatever the application asked before.
    """

    prefetched: str = ""
    joined: tuple[tuple[str, str], ...] = ()
    brings_rows: bool = True
    is_check: bool = False
    is_raw: bool = False


PLAIN = Origin()


@dataclass(frozen=True, slots=True)
class Way:
    """The look-ups that lead from the outermost rows to others; none where these are the outermost.

    Where there are several, each of them leads to some of the rows. `is_prefetched` says that a join cannot go that
    way, `is_raw` that the outermost rows are those of the project's own SQL, which has no joins to add to either.
    """

    paths: tuple[str, ...] = ()
    is_prefetched: bool = False
    is_raw: bool = False


DIRECT = Way()
RAW = Way(is_raw=True)
