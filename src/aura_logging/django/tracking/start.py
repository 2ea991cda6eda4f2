"""Begin to track: what classes and settings ask for, once all models are there."""

from __future__ import annotations

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model

from aura_logging.django.audit_options import DjangoAuditOptions, ModelOptions
from aura_logging.django.conf import options
from aura_logging.django.tracking import registry
from aura_logging.options import nearest

__all__ = ["begin", "track_now"]


def begin() -> None:
    """Ask for the models that the settings name, hook and connect what is tracked, watch the connections."""
    for label, chosen in options(DjangoAuditOptions).by_model().items():
        model = _model(label)
        if not registry.asked(model):  # the class's own word goes first
            registry.ask(model, chosen)
    track_now()


def track_now() -> None:
    """Hook and connect every model that is tracked; harmless to repeat."""
    from aura_logging.django.tracking import bulk, migrating, relations, rows

    if not registry.is_anything_tracked():
        return
    registry.forget()
    _ask_for_throughs()
    for model in registry.tracked_models():
        how = registry.tracked(model)
        assert how is not None  # noqa: S101  # tracked_models says so
        rows.hook(model)
        rows.connect(model)
        for relation in how.relations:
            # Where a model inherits the field, the entry is about the model that has it, if that is tracked.
            owner = registry.tracked(relation.model)
            if owner is None or owner is how or relation not in owner.relations:
                relations.connect(how, relation)
    migrating.connect()
    bulk.forget()
    bulk.install()


def _ask_for_throughs() -> None:
    """Track the models between two others that have columns of their own: their rows are made one by one, too."""
    for model in registry.tracked_models():
        how = registry.tracked(model)
        for relation in how.relations if how else ():
            through = registry.through_of(relation)
            if not through._meta.auto_created and registry.tracked(through) is None:
                registry.ask(through, ModelOptions(), how.event_class if how else "change")


def _model(label: str) -> type[Model]:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        known = (model._meta.label for model in apps.get_models())
        raise ImproperlyConfigured(
            f'AURA["AUDIT"]["models"] names {label!r}, which is no model of this project. {nearest(label, known)}'
        ) from None
