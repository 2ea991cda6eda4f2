"""Track models and views: who changed which row, and who looked at what.

For example:

    @track(exclude=["updated_at"], mask=["iban"])
    class Customer(models.Model): ...

    @audited_access(Customer, "pk", reason="support")
    def customer_page(request, pk): ...
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import iscoroutine
from typing import Any, TypeVar, cast, overload

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest

from aura_logging import context
from aura_logging.django.audit_options import model_options
from aura_logging.django.audit_telling import object_label, tell, user_actor
from aura_logging.django.tracking import registry
from aura_logging.options import OptionError

__all__ = [
    "AuditedAccessMixin",
    "audited_access",
    "impersonation_ended",
    "impersonation_started",
    "track",
    "tracking_of",
]

ModelClass = TypeVar("ModelClass", bound=type[Model])
View = TypeVar("View", bound=Callable[..., Any])


@overload
def track(model: ModelClass) -> ModelClass: ...
@overload
def track(
    *,
    fields: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    mask: Sequence[str] | Mapping[str, Callable[[Any], Any] | str | None] = (),
    soft_delete: str = "",
    reads: bool = False,
    bulk_values: bool = False,
    label: str = "",
    subject: str = "",
) -> Callable[[ModelClass], ModelClass]: ...
def track(
    model: ModelClass | None = None,
    *,
    fields: Any = None,
    exclude: Any = (),
    mask: Any = (),
    soft_delete: str = "",
    reads: bool = False,
    bulk_values: bool = False,
    label: str = "",
    subject: str = "",
) -> Any:
    """Tell the audit trail of every change to this model's rows, and to those of what inherits from it.

    The options are those of `ModelOptions`; a wrong one raises `OptionError` here, a field that is not there
    `ImproperlyConfigured` when Django starts. Abstract models may be tracked, for all that inherit from them.
    """
    given = {
        "fields": fields, "exclude": exclude, "mask": mask, "soft_delete": soft_delete, "reads": reads,
        "bulk_values": bulk_values, "label": label, "subject": subject,
    }  # fmt: skip

    def decorate(decorated: ModelClass) -> ModelClass:
        if not (isinstance(decorated, type) and issubclass(decorated, Model)):
            raise OptionError(f"track() decorates models; {decorated!r} is none.")
        registry.ask(decorated, model_options(f"track() on {decorated.__qualname__}", given))
        if apps.ready:
            from aura_logging.django.audit_start import start

            start()
        return decorated

    return decorate if model is None else decorate(model)


def tracking_of(model: type[Model]) -> tuple[str, ...]:
    """Return the names of the fields of a model that are tracked; none if it is not."""
    how = registry.tracked(model)
    return () if how is None else tuple(field.name for field in (*how.fields, *how.relations))


@overload
def audited_access(
    model: type[Model] | str | None = None,
    argument: str = "pk",
    *,
    action: str = "read",
    reason: str | None = None,
    subject: str = "",
) -> Callable[[View], View]: ...
@overload
def audited_access(model: View) -> View: ...
def audited_access(
    model: Any = None,
    argument: str = "pk",
    *,
    action: str = "read",
    reason: str | None = None,
    subject: str = "",
) -> Any:
    """Record who used a view, on which object, before the answer goes out; for sync and async views.

    `model` (a class, or a label) and `argument` say on what: the view's argument that holds the key. `action` is what
    it is called in the trail (`"export"`, say). `subject` is the name of the argument that says whose data it is. The
    entry has the outcome: "success", "denied" for status 401 and 403 and for `PermissionDenied`, "not_found" for 404
    and `Http404`, "failure" for whatever else went wrong. If it cannot be written the view has failed (`AuditError`):
    its answer is not given.

    Without parentheses, `@audited_access` records the use of the view alone. Class-based views inherit from
    `AuditedAccessMixin`.
    """
    if callable(model) and not isinstance(model, type):
        return _Access(None, argument, action, reason, subject).decorate(model)
    if isinstance(model, type) and not issubclass(model, Model):
        raise OptionError(
            f"audited_access decorates functions; let {model.__qualname__} inherit from AuditedAccessMixin instead."
        )
    return _Access(model, argument, action, reason, subject).decorate


@dataclass(frozen=True, slots=True)
class _Access:
    """What the use of one view is told as."""

    model: Any
    argument: str
    action: str
    reason: str | None
    subject: str

    def decorate(self, view: View) -> View:
        if isinstance(view, type):
            raise OptionError(
                f"audited_access decorates functions; let {view.__qualname__} inherit from AuditedAccessMixin instead."
            )
        named = _names_of_arguments(view)
        if iscoroutinefunction(view):

            @functools.wraps(view)
            async def call_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                record = sync_to_async(self._record, thread_sensitive=True)
                try:
                    response = await cast(Awaitable[Any], view(request, *args, **kwargs))
                except Exception as error:
                    await record(view, {**dict(zip(named, args, strict=False)), **kwargs}, _outcome_of(error))
                    raise
                await record(view, {**dict(zip(named, args, strict=False)), **kwargs}, _outcome(response))
                return response

            return cast(View, call_async)  # wraps() keeps the signature; mypy cannot see it

        @functools.wraps(view)
        def call(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            try:
                response = view(request, *args, **kwargs)
            except Exception as error:
                self._record(view, {**dict(zip(named, args, strict=False)), **kwargs}, _outcome_of(error))
                raise
            self._record(view, {**dict(zip(named, args, strict=False)), **kwargs}, _outcome(response))
            return response

        return cast(View, call)  # as above

    def _record(self, view: Callable[..., Any], arguments: Mapping[str, Any], outcome: str) -> None:
        model = apps.get_model(self.model) if isinstance(self.model, str) else self.model
        tell(
            self.action,
            "access",
            object_type="" if model is None else model._meta.label,
            object_id="" if model is None else arguments.get(self.argument, ""),
            outcome=outcome,
            reason=self.reason,
            subject=str(arguments[self.subject]) if arguments.get(self.subject) is not None else None,
            extra={"view": f"{view.__module__}.{view.__qualname__}"},
        )


class AuditedAccessMixin:
    """Record who saw which record, for Django's class-based views: put it first among the bases.

    A view that shows one object (`get_object`) records that object; one that lists records the list, summarised: how
    many, and the keys of the first thousand. It is recorded when the answer is made, and before it is given.
    """

    audit_action = "read"
    audit_reason: str | None = None
    audit_subject = ""
    """The attribute of the object that says whose data it is, by a dotted path."""

    _MOST_KEYS = 1_000

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Answer; record who was refused, or asked for what is not there."""
        try:
            answer = cast(Any, super()).dispatch(request, *args, **kwargs)
        except (PermissionDenied, Http404) as error:
            self._record_refusal(kwargs, _outcome_of(error))
            raise
        return self._awaited(answer, kwargs) if iscoroutine(answer) else answer

    async def _awaited(self, answer: Awaitable[Any], arguments: Mapping[str, Any]) -> Any:
        try:
            return await answer
        except (PermissionDenied, Http404) as error:
            await sync_to_async(self._record_refusal, thread_sensitive=True)(arguments, _outcome_of(error))
            raise

    def _record_refusal(self, arguments: Mapping[str, Any], outcome: str) -> None:
        queryset = getattr(self, "queryset", None)
        model = getattr(self, "model", None) or getattr(queryset, "model", None)
        tell(
            self.audit_action,
            "access",
            object_type=model._meta.label if model is not None else "",
            object_id=arguments.get(getattr(self, "pk_url_kwarg", "pk"), ""),
            outcome=outcome,
            reason=self.audit_reason,
            extra={"view": _name_of(self)},
        )

    def render_to_response(self, context: Mapping[str, Any], **response_kwargs: Any) -> Any:
        """Record, then answer."""
        self.record_access(context)
        return cast(Any, super()).render_to_response(context, **response_kwargs)

    def record_access(self, shown: Mapping[str, Any]) -> None:
        """Record what is shown; `shown` is the template's context. To be called by views that render otherwise."""
        single = getattr(self, "object", None)
        if isinstance(single, Model):
            tell(
                self.audit_action,
                "access",
                object_type=single._meta.label,
                object_id=single.pk,
                reason=self.audit_reason,
                subject=object_label(single, self.audit_subject) or None,
                extra={"view": _name_of(self)},
            )
            return
        rows = shown.get("object_list")
        model = getattr(rows, "model", None) or getattr(self, "model", None)
        keys = [str(getattr(row, "pk", row)) for row in rows] if rows is not None else []
        tell(
            f"{self.audit_action}_list",
            "access",
            object_type=model._meta.label if model is not None else "",
            reason=self.audit_reason,
            extra={"view": _name_of(self), "rows": len(keys), "object_ids": keys[: self._MOST_KEYS]},
        )


def impersonation_started(hijacker: Any, hijacked: Any, **_: Any) -> None:
    """Record that one user now acts as another; connect it to the signal of whatever does that.

        hijack.signals.hijack_started.connect(impersonation_started)

    For the entries of later requests to name both, bind `impersonator_id` in a middleware behind the authentication's:
    `aura_logging.bind(impersonator_id=…)`.
    """
    _impersonation("impersonation_started", hijacker, hijacked)
    context.bind(impersonator_id=str(hijacker.pk))


def impersonation_ended(hijacker: Any, hijacked: Any, **_: Any) -> None:
    """Record that a user acts as another no longer."""
    _impersonation("impersonation_ended", hijacker, hijacked)
    context.unbind("impersonator_id")


def _impersonation(action: str, hijacker: Any, hijacked: Any) -> None:
    tell(
        action,
        "authentication",
        actor=user_actor(hijacker),
        object_type=hijacked._meta.label,
        object_id=hijacked.pk,
        object_label=str(hijacked.get_username()),
    )


def _names_of_arguments(view: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of what a view is given by place, behind the request: by groups of a route without names."""
    return tuple(inspect.signature(view).parameters)[1:]


def _outcome(response: Any) -> str:
    status = getattr(response, "status_code", 200)
    if status in (401, 403):
        return "denied"
    if status == 404:
        return "not_found"
    return "success" if status < 400 else "failure"


def _outcome_of(error: Exception) -> str:
    if isinstance(error, PermissionDenied):
        return "denied"
    return "not_found" if isinstance(error, Http404) else "failure"


def _name_of(view: object) -> str:
    return f"{type(view).__module__}.{type(view).__qualname__}"
