"""Tell, once for each statement of a request, how the ORM came to ask for its rows."""

from __future__ import annotations

from types import FrameType
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import QuerySet
from django.db.models.query import RawQuerySet

from aura_logging.django.subjects import Asked
from aura_logging.performance.origins import PLAIN, Origin

__all__ = ["origin_of", "origin_of_prefetch"]

_MOST_JOINED = 64
_RAW = Origin(is_raw=True)
_NO_ROWS = Origin(brings_rows=False)
_CHECK = Origin(brings_rows=False, is_check=True)

# For `full_clean`: does the row that a key names exist, and are values taken already? The last one reads a row
# again.
_ASKERS = frozenset({"validate", "_perform_unique_checks", "_perform_date_checks", "refresh_from_db"})


def origin_of(asked: Asked) -> Origin:
    """Return the origin of what a queryset asks that is loaded neither lazily nor by a prefetch."""
    queryset, method, outside = asked
    if queryset is None:
        return PLAIN
    if isinstance(queryset, RawQuerySet):
        return _RAW
    if outside is not None and outside.f_code.co_name in _ASKERS:
        asker = outside.f_code
        if "/django/db/models/" in asker.co_filename:
            if asker.co_name != "refresh_from_db":
                return _CHECK
            if method == "get":
                return _NO_ROWS
    if queryset._fields is not None:
        return _NO_ROWS
    return Origin(joined=_joined(queryset)) if queryset.query.select_related else PLAIN


def origin_of_prefetch(loader: FrameType, frame: FrameType | None) -> Origin:
    """Return the origin of what a prefetch loads for many rows, in `frame`; of other loaders nothing is known."""
    if loader.f_code.co_name != "prefetch_one_level":
        return PLAIN
    values = loader.f_locals
    lookup, level = values.get("lookup"), values.get("level")
    if lookup is None or level is None:
        return PLAIN
    path = "__".join(lookup.prefetch_through.split("__")[: level + 1])
    # The innermost is the prefetch's own; the loader lies outside of it.
    while frame is not None and frame is not loader:
        if frame.f_code.co_filename == loader.f_code.co_filename:
            owner = frame.f_locals.get("self")
            queryset = getattr(owner, "queryset", owner)
            return Origin(path, _joined(queryset) if isinstance(queryset, QuerySet) else ())
        frame = frame.f_back
    return Origin(path)


def _joined(queryset: Any) -> tuple[tuple[str, str], ...]:
    """Return what `select_related` was told by name; without names it follows what the ORM thinks fit."""
    wanted = queryset.query.select_related
    if not isinstance(wanted, dict):
        return ()
    found: list[tuple[str, str]] = []
    ahead = [(queryset.model, wanted, "")]
    while ahead and len(found) < _MOST_JOINED:
        model, names, prefix = ahead.pop()
        for name, below in names.items():
            try:
                related = model._meta.get_field(name).related_model
            except FieldDoesNotExist:  # a FilteredRelation's
                continue
            if related is not None:
                found.append((related._meta.db_table, prefix + name))
                ahead.append((related, below, f"{prefix}{name}__"))
    return tuple(found)
