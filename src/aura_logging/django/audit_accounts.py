"""Tell of logins, logouts and failed ones, and of what changes who may do what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from aura_logging import context
from aura_logging.audit.events import Actor
from aura_logging.django.audit_options import ModelOptions
from aura_logging.django.audit_telling import tell, user_actor
from aura_logging.django.security_events import account_event
from aura_logging.django.tracking import registry

__all__ = ["connect"]

_LONGEST_ACCOUNT = 254
_ACCOUNT_FIELDS = ("password", "is_active", "is_staff", "is_superuser", "email", "groups", "user_permissions")


def connect() -> None:
    """Connect the receivers, and track what the project does not track itself; harmless to repeat.

    "Durable or the operation fails" goes for these, too: a login that cannot be recorded is none, and a failed one is
    answered with an error instead of a form.
    """
    if not apps.is_installed("django.contrib.auth"):
        return
    user_logged_in.connect(_logged_in, dispatch_uid="aura_logging.audit.logged_in")
    user_logged_out.connect(_logged_out, dispatch_uid="aura_logging.audit.logged_out")
    user_login_failed.connect(_login_failed, dispatch_uid="aura_logging.audit.login_failed")
    account_event.connect(_threat_seen, dispatch_uid="aura_logging.audit.threat_seen")
    from django.contrib.auth.models import Group

    user: Any = get_user_model()
    if registry.tracked(user) is None:
        names = {field.name for field in (*user._meta.concrete_fields, *user._meta.many_to_many)}
        wanted = (user.USERNAME_FIELD, *_ACCOUNT_FIELDS)
        fields = tuple(dict.fromkeys(name for name in wanted if name in names))
        masked: dict[str, Any] = {"password": None} if "password" in names else {}
        registry.ask(user, ModelOptions(fields=fields, mask=masked, label=user.USERNAME_FIELD), "authorization")
    if registry.tracked(Group) is None:
        registry.ask(Group, ModelOptions(label="name"), "authorization")


def _logged_in(request: HttpRequest | None, user: Any, **_: Any) -> None:
    _tell("login", user, request)


def _logged_out(request: HttpRequest | None, user: Any, **_: Any) -> None:
    if user is not None:
        _tell("logout", user, request)


def _login_failed(credentials: Mapping[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    user: Any = get_user_model()
    names = (user.USERNAME_FIELD, "username", "email")
    account = next((str(credentials[name]) for name in names if credentials.get(name)), "")
    tell(
        "login",
        "authentication",
        actor=Actor("anonymous"),
        object_type=user._meta.label,
        object_label=account[:_LONGEST_ACCOUNT],
        outcome="failure",
        client_ip=_address(request),
    )


def _threat_seen(
    threat_type: str, account: str, user: Any, client_ip: str | None, fields: Mapping[str, Any], **_: Any
) -> None:
    """Tell of an attack on an account, or a journey that its user cannot have made; the account by its pseudonym."""
    if threat_type == "authentication_failure":
        return  # `_login_failed` tells it
    tell(
        f"threat.{threat_type}",
        "authentication",
        actor=Actor("anonymous") if user is None else user_actor(user),
        object_type=get_user_model()._meta.label,
        object_id="" if user is None else user.pk,
        object_label=account,
        outcome="failure",
        reason=f"seen {fields['count']} times" if "count" in fields else None,
        client_ip=client_ip,
    )


def _tell(action: str, user: Any, request: HttpRequest | None) -> None:
    actor = user_actor(user)
    tell(
        action,
        "authentication",
        actor=actor,
        object_type=user._meta.label,
        object_id=user.pk,
        object_label=actor.label,
        client_ip=_address(request),
    )


def _address(request: HttpRequest | None) -> str | None:
    """Return the client's address as the context has it; without our middleware, who has connected."""
    if context.current().get("client_ip") or request is None:
        return None
    return request.META.get("REMOTE_ADDR") or None
