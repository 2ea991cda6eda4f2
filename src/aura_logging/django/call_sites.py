"""Find the line that asked for a query: the first frame outside Django and what is installed."""

from __future__ import annotations

import functools
import sys
import sysconfig
from collections.abc import Hashable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

import django
from django.conf import settings
from django.db.models import Model, QuerySet

import aura_logging
from aura_logging.performance.loads import Site

__all__ = ["Place", "awaiting_place", "is_django", "locate", "outer_path", "passes_on", "routes", "site_of"]

_LIBRARY: Final = 0
_APPLICATION: Final = 1
_ORM: Final = 2
_TEMPLATE: Final = 3
_EDGE: Final = 4

_DJANGO = str(Path(django.__file__).parent) + "/"
_OURS = str(Path(aura_logging.__file__).parent) + "/"
_STDLIB = sysconfig.get_path("stdlib") + "/"
_INSTALLED = ("/site-packages/", "/dist-packages/")
_MODELS = _DJANGO + "db/models/"
_ORM_FILES = frozenset(
    _DJANGO + name
    for name in (
        "db/models/fields/related_descriptors.py",
        "db/models/query_utils.py",
        "db/models/query.py",
        "contrib/contenttypes/fields.py",
    )
)
# Where a lazily loaded thing begins to be loaded; the innermost of these tells what it is.
_LOADERS = frozenset({"__get__", "prefetch_one_level", "fetch_many"})
# What the ORM itself calls to ask for rows, and projects override.
_OVERRIDDEN = frozenset({"get", "refresh_from_db", "_fetch_all"})

_kinds: dict[str, int] = {}


class Place(NamedTuple):
    """A place in the program: `owner`, a code object or a template's node, and which of its instructions.

    `frame` runs it; `None` where no code of the project is in sight. `loader` is the ORM's frame that began to load
    something lazily, the innermost one.
    """

    owner: Any
    instruction: int
    frame: FrameType | None
    loader: FrameType | None


_NOWHERE: Final = object()


# Seen from what counts a query: itself, and two of Django's cursor; no application in these.
_FIRST: Final = 3
_MOST_ROUTES = 1_024
_LONGEST_SQL = 4_096

routes: dict[str, tuple[int, CodeType, int, CodeType | None]] = {}
"""By statement: how many frames above the one that counts it its place was found, and which code was there; the same of
what loaded it lazily, if it was. To be looked at where a call of `locate` costs too much, and never changed."""


def locate(sql: str, below: int = 2) -> Place:
    """Return where the statement was asked for; it is counted, and called by Django's cursor, `below` calls away.

    The same statement mostly comes the same way through Django. So how far away its place was is remembered, and
    looked at first: reaching for one frame costs 0.2 µs, walking there makes a frame object of each on the way (10 to
    15 of them, 2 µs). If another code stands there it is walked after all.
    """
    route = routes.get(sql)
    if route is not None:
        depth, code, loader_depth, loader_code = route
        try:
            frame = _frame(depth + below)
            if frame.f_code is code:
                if loader_code is None:
                    return _new_place(Place, (code, frame.f_lasti, frame, None))
                loader = _frame(loader_depth + below)
                if loader.f_code is loader_code:
                    return _new_place(Place, (code, frame.f_lasti, frame, loader))
        except ValueError:
            pass  # the stack is not that deep this time
    return _walk(sql, _frame(_FIRST + below))


def _walk(sql: str, frame: FrameType | None) -> Place:
    """Walk outward to the application's code, a template's node, or our own middleware."""
    loader: FrameType | None = None
    inner: FrameType | None = None
    depth = _FIRST - 1
    loader_depth = 0
    while frame is not None:
        depth += 1
        code = frame.f_code
        kind = _kind(code.co_filename)
        if kind == _ORM:
            if loader is None and code.co_name in _LOADERS:
                loader, loader_depth = frame, depth
        elif kind == _APPLICATION and not passes_on(frame, inner):
            # The ORM may be the one that calls this override next time.
            is_ambiguous = code.co_name in _OVERRIDDEN and _is_override(frame, inner)
            if len(sql) <= _LONGEST_SQL and not is_ambiguous:
                if len(routes) >= _MOST_ROUTES:
                    routes.clear()
                routes[sql] = (depth, code, loader_depth, loader.f_code if loader is not None else None)
            return Place(code, frame.f_lasti, frame, loader)
        elif kind == _TEMPLATE:
            if code.co_name == "render_annotated":
                return Place(frame.f_locals.get("self"), -1, frame, loader)
        elif kind == _EDGE:
            break
        inner, frame = frame, frame.f_back
    return Place(_NOWHERE, -1, None, loader)


def passes_on(frame: FrameType, inner: FrameType | None) -> bool:
    """Tell whether the frame is an override that the ORM called and that called what it overrides, in `inner`.

    Such as a queryset's `get` or a model's `refresh_from_db`: the question is asked where the overridden one would
    be called, and what the override asks besides is its own.
    """
    if frame.f_code.co_name not in _OVERRIDDEN or not _is_override(frame, inner):
        return False
    caller = frame.f_back
    return caller is not None and caller.f_code.co_filename.startswith(_MODELS)


def _is_override(frame: FrameType, inner: FrameType | None) -> bool:
    return (
        inner is not None
        and inner.f_code.co_name == frame.f_code.co_name
        and inner.f_code.co_filename.startswith(_MODELS)
        and isinstance(frame.f_locals.get("self"), (QuerySet, Model))
    )


_frame = sys._getframe
# Half the price of calling the class, on the way of every query.
_new_place = tuple.__new__


_MOST_SITES = 4_096
# By identity, for the hash of a code object is that of all it holds; alive, so that the identity is nobody else's.
_sites: dict[tuple[int, int], tuple[CodeType, Site]] = {}


def site_of(place: Place, innermost: FrameType | None) -> Site:
    """Return the place as a person would look it up; `innermost` is where to look when no project code is in sight."""
    owner, frame = place.owner, place.frame
    if frame is None:
        return _library_site(innermost)
    if isinstance(owner, CodeType):
        key = (id(owner), place.instruction)
        known = _sites.get(key)
        if known is None:
            if len(_sites) >= _MOST_SITES:
                _sites.clear()
            known = _sites[key] = (owner, Site(_short(owner.co_filename), frame.f_lineno))
        return known[1]
    origin = getattr(owner, "origin", None)
    name = getattr(origin, "template_name", None) or getattr(origin, "name", None) or "template"
    line = int(getattr(getattr(owner, "token", None), "lineno", 0) or 0)
    if _is_installed(str(getattr(origin, "name", ""))):
        return Site(str(name), line, _admin_class(innermost), is_library=True)
    return Site(str(name), line)


def awaiting_place(task: Any, place: Place) -> Place:
    """Return the innermost place in the application that a suspended task waits in, or `place` if there is none.

    For a query that Django runs in a thread for a coroutine: that thread's stack holds no code of the application.
    """
    step = task.get_coro()
    while step is not None:
        frame = getattr(step, "cr_frame", None) or getattr(step, "ag_frame", None) or getattr(step, "gi_frame", None)
        if frame is not None and _kind(frame.f_code.co_filename) == _APPLICATION:
            place = Place(frame.f_code, frame.f_lasti, frame, place.loader)
        step = getattr(step, "cr_await", None) or getattr(step, "ag_await", None) or getattr(step, "gi_yieldfrom", None)
    return place


def is_django(filename: str) -> bool:
    """Tell whether the file is one of Django's own, whatever the project's directories are called."""
    return filename.startswith(_DJANGO)


def outer_path(frame: FrameType | None) -> Hashable:
    """Return the way the program took to `frame`, by the lines of the application only: a loop takes the same again.

    So does a function that calls itself for the next row: a line counts once.
    """
    path = []
    while frame is not None:
        kind = _kind(frame.f_code.co_filename)
        if kind == _APPLICATION:
            path.append((id(frame.f_code), frame.f_lasti))
        elif kind == _EDGE:
            break
        frame = frame.f_back
    return tuple(dict.fromkeys(path))


def _kind(filename: str) -> int:
    kind = _kinds.get(filename)
    if kind is None:
        kind = _kinds[sys.intern(filename)] = _judge(filename)
    return kind


def _judge(filename: str) -> int:
    if filename in _ORM_FILES:
        return _ORM
    if filename == _DJANGO + "template/base.py":
        return _TEMPLATE
    if filename.startswith(_OURS):
        return _EDGE if filename == _OURS + "django/middleware/base.py" else _LIBRARY
    if _is_installed(filename) or filename.startswith((_STDLIB, "<frozen")):
        return _LIBRARY
    return _APPLICATION


def _is_installed(filename: str) -> bool:
    return filename.startswith(_DJANGO) or any(part in filename for part in _INSTALLED)


def _library_site(frame: FrameType | None) -> Site:
    """Name the nearest place in installed code outside the ORM; in the admin, also the class to change."""
    nearest = frame
    while nearest is not None and not _is_telling(nearest.f_code.co_filename):
        nearest = nearest.f_back
    advice = _admin_class(frame)
    if nearest is None:
        return Site("unknown", 0, advice, is_library=True)
    return Site(_short(nearest.f_code.co_filename), nearest.f_lineno, advice, is_library=True)


def _is_telling(filename: str) -> bool:
    return _is_installed(filename) and not filename.startswith(_DJANGO + "db/") and "/asgiref/" not in filename


def _admin_class(frame: FrameType | None) -> str:
    """Return the name of the ModelAdmin at work, if the admin is."""
    while frame is not None and _kind(frame.f_code.co_filename) != _EDGE:
        if frame.f_code.co_filename.startswith(_DJANGO + "contrib/admin/"):
            values = frame.f_locals
            owner = values.get("self") or values.get("cl") or values.get("model_admin")
            owner = getattr(owner, "model_admin", owner)
            if hasattr(owner, "list_select_related") and hasattr(owner, "admin_site"):
                return type(owner).__qualname__
        frame = frame.f_back
    return ""


@functools.lru_cache(maxsize=4_096)
def _short(filename: str) -> str:
    """Return the path as the project's people say it: from its base directory, or from where Python imports it."""
    bases = [str(getattr(settings, "BASE_DIR", "") or ""), *sys.path]
    inside = [base.rstrip("/") + "/" for base in bases if base and filename.startswith(base.rstrip("/") + "/")]
    return filename[len(max(inside, key=len)) :] if inside else filename
