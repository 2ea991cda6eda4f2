"""Tell which field of which model a query loads, from what Django's own frames hold, without asking anything."""

from __future__ import annotations

from collections.abc import Hashable
from types import FrameType
from typing import Any
from weakref import ref

from django.db.models import ForeignKey, Model, QuerySet
from django.db.models.query import RawQuerySet

from aura_logging.django import key_look_ups
from aura_logging.django.call_sites import is_django, passes_on
from aura_logging.performance.fingerprints import Statement
from aura_logging.performance.loads import Kind, Subject
from aura_logging.performance.questions import identity

__all__ = ["Asked", "came_through", "chain_link", "lazily_loaded", "lazy_subject", "outermost", "queried"]

Found = tuple[Subject, Hashable]
"""What is loaded, and the identity of the row it is loaded for, `None` where that is not known."""

_MOST_REMEMBERED = 5_000
# By identity, of those that are still there: a project may make models while it runs, and they must go when they may.
_Remembered = tuple["ref[Any]", "ref[type]", Subject | None]
_remembered: dict[tuple[int, int], _Remembered] = {}

# A look-up through these is the application's own; `get` inside anything else is Django's affair.
_THIN = (
    "/django/db/models/manager.py",
    "/django/db/models/query.py",
    "/django/shortcuts.py",
    "/django/contrib/contenttypes/models.py",  # get_object_for_this_type
    "/django/contrib/auth/base_user.py",  # get_by_natural_key
    "/asgiref/sync.py",
)

# Where a queryset prefetches for its own rows, also through a thread.
_QUERYSETS = ("/django/db/models/query.py", "/asgiref/sync.py", "/concurrent/futures/thread.py")

_SERIALIZER = "/django/core/serializers/python.py"

# What these read they need for writing, and no prefetch would spare them that.
_SETTERS = ("set", "set_base")  # the second from Django 6.1 on
_WRITERS = frozenset({"get_or_create", "update_or_create", "update", "delete"})


def lazily_loaded(loader: FrameType, statement: Statement) -> Found | None:
    """Tell what a descriptor or a prefetch is loading; `None` when it loads for many rows at once.

    `loader` is the frame of a descriptor's `__get__`, of `prefetch_one_level` or of `fetch_many`.
    """
    name = loader.f_code.co_name
    if name == "prefetch_one_level":
        return _prefetched_for_one(loader, statement)
    if name != "__get__":
        return None
    values = loader.f_locals
    descriptor, instance = values.get("self"), values.get("instance")
    if not isinstance(instance, Model) or _is_deletion(loader.f_back):
        return None
    known = _known(descriptor, type(instance))
    subject = known[2] if known is not None else _learn(descriptor, instance)
    if subject is None or (subject.kind == "generic" and statement.table == "django_content_type"):
        return None
    return subject, _row(instance)


def lazy_subject(loader: FrameType) -> Subject | None:
    """Return what a descriptor's `__get__` loads, if `lazily_loaded` has told it before: the very same object."""
    values = loader.f_locals
    known = _known(values.get("self"), type(values.get("instance")))
    return known[2] if known is not None else None


def came_through(loader: FrameType) -> bool:
    """Tell whether the row was itself brought by the one to one relation that it is now followed by, to the next."""
    related = getattr(loader.f_locals.get("self"), "related", None)
    instance = loader.f_locals.get("instance")
    return (
        isinstance(instance, Model)
        and related is not None
        and isinstance(instance, related.related_model)
        and related.field.is_cached(instance)
    )


def chain_link(loader: FrameType) -> tuple[Hashable, Hashable] | None:
    """Return what a foreign key knows rows by, of the row at hand and of the one it leads to; `None` for others."""
    values = loader.f_locals
    field, instance = getattr(values.get("self"), "field", None), values.get("instance")
    if not isinstance(instance, Model) or not isinstance(field, ForeignKey):
        return None
    return instance.__dict__.get(field.target_field.attname), instance.__dict__.get(field.attname)


Asked = tuple[Any, str, FrameType | None]
"""The outermost queryset at work, a raw one too, if any; the name of its method, and the frame that called that."""


def outermost(frame: FrameType | None) -> Asked:
    """Tell what asks; `frame` is the innermost one of Django's."""
    inner = None
    candidates = []
    while frame is not None and ("/django/db/" in frame.f_code.co_filename or passes_on(frame, inner)):
        if frame.f_code.co_filename.endswith("/django/db/models/query.py"):
            candidates.append(frame)
        inner, frame = frame, frame.f_back
    # From the outside: to look at a frame's variables makes a dict of them.
    for candidate in reversed(candidates):
        owner = candidate.f_locals.get("self")
        owner = getattr(owner, "queryset", owner)
        if isinstance(owner, (QuerySet, RawQuerySet)):
            outside = candidate.f_back
            if outside is not None and passes_on(outside, candidate):
                outside = outside.f_back
            return owner, candidate.f_code.co_name, outside
    return None, "", frame


def queried(asked: Asked, statement: Statement, params: Any) -> Found | None:
    """Tell what a queryset that was not loaded lazily is about: a related manager's objects, or one looked-up row."""
    queryset, method, outside = asked
    if statement.is_probe or method in _WRITERS or _is_replacing(outside):
        return None
    if not isinstance(queryset, QuerySet):
        return key_look_ups.in_raw_sql(statement, params) if _is_thin(outside) else None
    found = _by_manager(asked, statement)
    if found is not None or not _is_thin(outside):
        return found
    if method == "get":
        meta = queryset.model._meta
        return Subject(str(meta.object_name), "get", "get", "", meta.db_table), identity(params)
    return key_look_ups.in_filter(queryset, statement)


def _known(descriptor: Any, model: type) -> _Remembered | None:
    known = _remembered.get((id(descriptor), id(model)))
    return known if known is not None and known[0]() is descriptor and known[1]() is model else None


def _learn(descriptor: Any, instance: Model) -> Subject | None:
    subject = _subject_of(descriptor, instance)
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    _remembered[id(descriptor), id(type(instance))] = ref(descriptor), ref(type(instance)), subject
    return subject


def _subject_of(descriptor: Any, instance: Model) -> Subject | None:
    kind: Kind
    if hasattr(descriptor, "related"):  # ReverseOneToOneDescriptor
        field_name, kind = descriptor.related.get_accessor_name(), "reverse_one"
        target = descriptor.related.related_model
    else:
        field = getattr(descriptor, "field", None) or descriptor
        if hasattr(descriptor, "rel"):  # a manager is handed out: what is queried here is its content type
            return None
        if hasattr(field, "ct_field"):
            field_name, kind, target = field.name, "generic", None
        elif hasattr(descriptor, "get_object"):
            field_name, kind, target = field.name, "forward", field.remote_field.model
        elif hasattr(field, "attname"):
            field_name, kind, target = field.name, "deferred", None
        else:
            return None
    return Subject(
        str(instance._meta.object_name),
        field_name,
        kind,
        instance._meta.concrete_model._meta.db_table if instance._meta.concrete_model else "",
        target._meta.db_table if target is not None else "",
    )


def _prefetched_for_one(loader: FrameType, statement: Statement) -> Found | None:
    """Tell what `prefetch_related_objects` loads for one row; a queryset that prefetches for its only row is no loop.

    A thread that works for a coroutine does not show which of the two asked.
    """
    starter = loader.f_back
    asker = starter.f_back if starter is not None else None
    if starter is None or asker is None or asker.f_code.co_filename.endswith(_QUERYSETS):
        return None
    values = loader.f_locals
    rows, lookup, level = starter.f_locals.get("model_instances"), values.get("lookup"), values.get("level")
    if not rows or len(rows) != 1 or lookup is None or level is None or statement.table == "django_content_type":
        return None
    row = rows[0]
    if not isinstance(row, Model):
        return None
    path = "__".join(lookup.prefetch_through.split("__")[: level + 1])
    subject = Subject(str(row._meta.object_name), path, "many", row._meta.db_table, statement.table)
    return subject, _row(row)


def _is_deletion(frame: FrameType | None) -> bool:
    """Tell whether Django's own deletion asks: it looks for parents itself, and takes any `select_related` away."""
    return frame is not None and frame.f_code.co_filename.endswith("/django/db/models/deletion.py")


def _is_replacing(frame: FrameType | None) -> bool:
    """Tell whether it is `related.set(…)` that asks what is there already: it does so whatever was prefetched."""
    return frame is not None and frame.f_code.co_name in _SETTERS and is_django(frame.f_code.co_filename)


def _is_thin(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename.endswith(_THIN):
        frame = frame.f_back
    return frame is None or not is_django(frame.f_code.co_filename)


def _by_manager(asked: Asked, statement: Statement) -> Found | None:
    queryset, _, _ = asked
    instance = queryset._hints.get("instance")
    known = queryset._known_related_objects
    if isinstance(instance, Model):
        names = _reverse_names(next(iter(known))) if known else _many_to_many(queryset, instance)
        if names is None:
            return None
        model, row, base_filters = instance._meta, _row(instance), 1
        name, table = str(model.object_name), model.db_table
    else:
        generic = _generic_relation(queryset)
        if generic is None:
            return None
        name, table, accessor, row = generic
        names, base_filters = (accessor, accessor), 2
    kind = _kind_of(asked, statement, base_filters)
    return Subject(name, names[0], kind, table, queryset.model._meta.db_table, names[1]), row


def _kind_of(asked: Asked, statement: Statement, base_filters: int) -> Kind:
    queryset, method, outside = asked
    if method == "aggregate":
        return "aggregate"
    if outside is not None and outside.f_code.co_filename.endswith(_SERIALIZER):
        return "many"  # it asks for less as long as nothing is prefetched
    is_narrowed = _is_narrowed(queryset, base_filters)
    if statement.is_count:
        return "filtered_count" if is_narrowed else "count"
    if is_narrowed or statement.is_single:
        return "filtered"
    return "many" if queryset._fields is None else "values"


def _reverse_names(field: Any) -> tuple[str, str]:
    """Return how the other side of a foreign key is reached, as an attribute and in a filter."""
    return str(field.remote_field.get_accessor_name()), str(field.related_query_name())


def _many_to_many(queryset: Any, instance: Any) -> tuple[str, str] | None:
    """Return the names of the relation whose manager made the queryset, known by the key it filters its table by."""
    filtered_by = {getattr(getattr(child, "lhs", None), "target", None) for child in queryset.query.where.children}
    for field in instance._meta.many_to_many:
        through = field.remote_field.through
        if through._meta.get_field(field.m2m_field_name()) in filtered_by:
            return field.name, field.name
    for relation in instance._meta.related_objects:
        if relation.many_to_many:
            source = relation.through._meta.get_field(relation.field.m2m_reverse_field_name())
            if source in filtered_by:
                return str(relation.get_accessor_name()), str(relation.name)
    return None


def _generic_relation(queryset: Any) -> tuple[str, str, str, Hashable] | None:
    """Recognise a GenericRelation's manager by its filters; the content type is the one Django has at hand already."""
    for key in queryset.model._meta.private_fields:
        if not hasattr(key, "ct_field"):
            continue
        filters = {
            child.lhs.target.name: child.rhs
            for child in queryset.query.where.children
            if getattr(child, "lookup_name", "") == "exact" and hasattr(getattr(child, "lhs", None), "target")
        }
        if key.ct_field not in filters or key.fk_field not in filters:
            return None
        from django.contrib.contenttypes.models import ContentType

        manager: Any = ContentType.objects
        cached = manager._cache.get(queryset.db, {})
        owner = cached.get(filters[key.ct_field])
        model = owner.model_class() if owner is not None else None
        if model is None:
            return None
        for relation in model._meta.private_fields:
            if (
                getattr(relation, "object_id_field_name", None) == key.fk_field
                and relation.related_model is queryset.model
            ):
                return model._meta.object_name, model._meta.db_table, relation.name, str(filters[key.fk_field])
    return None


def _is_narrowed(queryset: Any, base_filters: int) -> bool:
    """Tell whether it asks for less or other than `.all()`, so that a plain prefetch could not answer it."""
    query = queryset.query
    return bool(
        len(query.where.children) > base_filters
        or query.is_sliced
        or query.order_by
        or query.extra_order_by
        or query.distinct
        or query.select_related
        or query.deferred_loading[0]
        or query.annotations
    )


def _row(instance: Model) -> Hashable:
    values = tuple(instance.__dict__.get(field.attname) for field in instance._meta.pk_fields)
    value = values[0] if len(values) == 1 else values
    return value if isinstance(value, (int, str)) else repr(value)
