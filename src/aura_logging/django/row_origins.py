"""Tell how the ORM came to ask for a statement's rows, and how a row came that it asks more for."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from types import FrameType
from typing import Any
from weakref import ref

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, QuerySet
from django.db.models.query import RawQuerySet

from aura_logging.django.subjects import Asked
from aura_logging.performance.loads import Load
from aura_logging.performance.origins import PLAIN, Origin

__all__ = ["note_bringer", "origin_of", "origin_of_prefetch", "row_of"]

_MOST_JOINED = 64
_OF_MANY = ("many", "filtered")
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


def row_of(queryset: Any, loader: FrameType | None) -> Model | None:
    """Return the row at hand that something is loaded for: by a descriptor, or by its manager."""
    row = None
    if loader is not None:
        row = loader.f_locals.get("instance")
    elif isinstance(queryset, QuerySet):
        hints: dict[str, Any] = getattr(queryset, "_hints", {})
        row = hints.get("instance")
    return row if isinstance(row, Model) else None


def note_bringer(load: Load, row: Model | None, key: Hashable, recent: Sequence[tuple[ref[Model], Load]]) -> None:
    """Note what brought the row that something is loaded for, as far as what was loaded of late shows it.

    Either the row that that was loaded for has this one at hand now, or this has that one: a foreign key's other side
    gives itself to all its rows. What comes many to many shows nothing. Of a row that is not there its `key` is
    looked at. `recent` ends with the latest.
    """
    table = load.subject.owner_table
    of_the_row = [id(each) for each in row._state.fields_cache.values()] if row is not None else []
    for reference, earlier in reversed(recent):
        subject, owner = earlier.subject, reference()
        brings_many = subject.kind in _OF_MANY and subject.target_table == table
        if owner is not None:
            brought = owner._state.fields_cache.get(subject.field)
            is_it = brought is row if row is not None else _is_known_as(brought, table, key)
            if is_it or (brings_many and id(owner) in of_the_row):
                load.brought_by, load.may_follow = earlier, None
                return
        if brings_many and load.may_follow is None:
            # One line may have several loads, for Python changes its instructions.
            same = {other for _, other in recent if other.subject == subject}
            load.may_follow = earlier, sum(other.queries for other in same)


def _is_known_as(row: Any, table: str, key: Hashable) -> bool:
    return isinstance(row, Model) and row._meta.db_table == table and str(row.pk) == str(key)


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
