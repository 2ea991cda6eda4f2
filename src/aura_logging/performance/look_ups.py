"""Find the look-up that leads from the outermost rows to a field, as a person writes it: `author__country`."""

from __future__ import annotations

from dataclasses import dataclass

from aura_logging.performance.report import NPlusOne

__all__ = ["LookUp", "look_up"]

_MANY = ("many", "values", "filtered")


@dataclass(frozen=True, slots=True)
class LookUp:
    """Where to put what mends an N+1: `paths` from the rows of one queryset to the field, at least one.

    `needs_prefetch` says that `select_related` cannot go that way. `anchor` is set where the rows came through a
    generic foreign key: its own look-up, behind which each model has a queryset of its own, and `paths` begin at that
    of `model`.
    """

    paths: tuple[str, ...]
    needs_prefetch: bool = False
    anchor: str = ""
    model: str = ""


def look_up(finding: NPlusOne, last: str = "") -> LookUp:
    """Return the look-up of the finding's field, which may be called otherwise in it: `last`."""
    paths: tuple[str, ...] = (last or finding.subject.field,)
    needs_prefetch = False
    step = finding
    while True:
        if step.way.paths:
            paths = tuple(f"{way}__{path}" for way in step.way.paths for path in paths)
        needs_prefetch = needs_prefetch or step.way.is_prefetched or step.way.is_raw
        via = step.via
        if via is None or via.subject.kind in ("get", "filter", "raw"):
            return LookUp(paths, needs_prefetch)
        if via.subject.kind == "generic":
            return LookUp(paths, needs_prefetch, look_up(via).paths[0], step.subject.model)
        paths = tuple(f"{via.subject.field}__{path}" for path in paths)
        needs_prefetch = needs_prefetch or via.subject.kind in _MANY
        step = via
