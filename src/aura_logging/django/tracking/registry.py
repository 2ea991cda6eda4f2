"""Know which models are tracked, which of their fields, and in which tables these lie."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Field, ManyToManyField, Model

from aura_logging.audit.events import EventClass
from aura_logging.django.audit_options import ModelOptions
from aura_logging.options import nearest

__all__ = [
    "Tracked",
    "Watched",
    "ask",
    "asked",
    "forget",
    "is_anything_tracked",
    "tracked",
    "tracked_models",
    "watched",
]

if TYPE_CHECKING:
    # Django's classes are generic only for type checkers.
    AnyField: TypeAlias = Field[Any, Any]
    Relation: TypeAlias = ManyToManyField[Any, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Tracked:
    """One concrete model that is tracked: its fields by the table they lie in, and its many-to-many fields."""

    model: type[Model]
    options: ModelOptions
    event_class: EventClass
    fields: tuple[AnyField, ...]
    relations: tuple[Relation, ...]

    @property
    def object_type(self) -> str:
        """What the trail calls it: `"shop.Book"`."""
        return self.model._meta.label

    def fields_in(self, model: type[Model]) -> tuple[AnyField, ...]:
        """Return the tracked fields that lie in the table of this model: itself, or one that it inherits from."""
        return _fields_in(self, model)

    def shown(self, name: str, value: Any) -> Any:
        """Return what the trail shows of a value: the value, or what the mask makes of it."""
        mask = self.options.mask
        if name not in mask or value is None or value == "":
            return value
        function = mask[name]
        return "[MASKED]" if function is None else function(value)


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A table whose statements are told when nothing else tells of them: whose rows it has, and how much is told."""

    object_type: str
    event_class: EventClass
    pk_column: str
    reads: bool
    bulk_values: bool


_asked: dict[type[Model], tuple[ModelOptions, EventClass]] = {}


def ask(model: type[Model], options: ModelOptions, event_class: EventClass = "change") -> None:
    """Have a model tracked, and what inherits from it unless that is asked for itself."""
    _asked[model] = (options, event_class)
    forget()


def asked(model: type[Model]) -> bool:
    """Tell whether this very model was asked for."""
    return model in _asked


def forget() -> None:
    """Look at the models anew."""
    for cached in (tracked, tracked_models, watched, _fields_in):
        cached.cache_clear()


def is_anything_tracked() -> bool:
    """Tell whether some model is tracked."""
    return bool(_asked)


@functools.cache
def tracked(model: type[Model]) -> Tracked | None:
    """Return how a model is tracked, if it is. A proxy is tracked as the model that has the table."""
    found = next((_asked[each] for each in model.__mro__ if each in _asked), None)
    if found is None or model._meta.abstract:
        return None
    concrete = model._meta.concrete_model or model
    options, event_class = found
    columns = [
        field for field in concrete._meta.concrete_fields if not (field.primary_key or field.generated or _links(field))
    ]
    names = [*(field.name for field in columns), *(field.name for field in concrete._meta.many_to_many)]
    _check(concrete, options, [*names, *(field.name for field in concrete._meta.concrete_fields)])
    chosen = set(names if options.fields is None else options.fields) - set(options.exclude)
    return Tracked(
        concrete,
        options,
        event_class,
        tuple(field for field in columns if field.name in chosen),
        tuple(field for field in concrete._meta.many_to_many if field.name in chosen),
    )


@functools.cache
def tracked_models() -> tuple[type[Model], ...]:
    """Return every model class of the project that is tracked: concrete ones and proxies."""
    return tuple(model for model in apps.get_models(include_auto_created=True) if tracked(model) is not None)


@functools.cache
def watched() -> Mapping[str, Watched]:
    """Return the tables of tracked models and of their many-to-many fields, by name in lower case."""
    tables: dict[str, Watched] = {}
    for model in tracked_models():
        how = tracked(model)
        assert how is not None  # noqa: S101  # tracked_models says so
        for relation in how.relations:
            _watch(tables, through_of(relation), how, is_own=False)
        for each in (*model._meta.get_parent_list(), model):
            _watch(tables, each, how, is_own=each is how.model)
    return tables


def _watch(tables: dict[str, Watched], model: type[Model], how: Tracked, *, is_own: bool) -> None:
    name = model._meta.db_table.strip('"`').split('"."')[-1].lower()
    if name in tables and not is_own:
        return
    pk = model._meta.pk
    options = how.options
    tables[name] = Watched(
        model._meta.label, how.event_class, (pk.column if pk else "") or "", options.reads, options.bulk_values
    )


@functools.cache
def _fields_in(how: Tracked, model: type[Model]) -> tuple[AnyField, ...]:
    local = set(model._meta.local_concrete_fields)
    return tuple(field for field in how.fields if field in local)


def through_of(relation: Relation) -> type[Model]:
    """Return the model between the two of a many-to-many field."""
    return cast(type[Model], relation.remote_field.through)  # resolved, once all models are loaded


def _links(field: AnyField) -> bool:
    """Tell whether a field only ties a row to the row it inherits from."""
    return bool(getattr(field.remote_field, "parent_link", False))


def _check(model: type[Model], options: ModelOptions, names: Iterable[str]) -> None:
    known = list(names)
    for option, given in _names_in(options):
        if given not in known:
            raise ImproperlyConfigured(
                f"Tracking {model._meta.label}: {option} names {given!r}, which is no field of it. "
                f"{nearest(given, known)}"
            )


def _names_in(options: ModelOptions) -> Iterator[tuple[str, str]]:
    for option in ("fields", "exclude", "mask"):
        for name in getattr(options, option) or ():
            yield option, name
    if options.soft_delete:
        yield "soft_delete", options.soft_delete.removeprefix("not ")
