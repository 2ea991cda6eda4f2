"""Hand what Django shows of an event to the trail: who, on which object, in which database."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from typing import Any, cast

from django.db import connections, router

from aura_logging import context
from aura_logging.audit.actors import actor_of
from aura_logging.audit.events import Actor, AuditEvent, EventClass
from aura_logging.audit.trail import current_trail
from aura_logging.django import audit_survivors
from aura_logging.django.audit_store import in_database

__all__ = ["actor_now", "home", "object_label", "tell", "user_actor"]

_NOTHING: Mapping[str, Any] = {}
_DJANGO_PROGRAMS = ("manage.py", "django-admin", "django-admin.py", "django/__main__.py")
_SERVERS = frozenset({"runserver", "runserver_plus", "testserver", "test"})
_LONGEST_LABEL = 200


def tell(
    action: str,
    event_class: EventClass,
    *,
    using: str | None = None,
    actor: Actor | None = None,
    object_type: str = "",
    object_id: Any = "",
    object_label: str = "",
    changes: Mapping[str, tuple[Any, Any]] = _NOTHING,
    outcome: str = "success",
    reason: str | None = None,
    subject: str | None = None,
    client_ip: str | None = None,
    extra: Mapping[str, Any] = _NOTHING,
    survives: bool = True,
) -> None:
    """Record it in the database `using`, by default where entries belong; `AuditError` if that cannot be.

    Actor, address and correlation id are the context's. What somebody saw or tried is told even if the transaction it
    was told in is rolled back; the entry of a change (`survives=False`) goes with it.
    """
    fields = context.current()
    impersonator = fields.get("impersonator_id")
    if impersonator is not None:
        extra = {**extra, "impersonator_id": str(impersonator)}
    address = client_ip or fields.get("client_ip")
    correlation_id = fields.get("correlation_id")
    event = AuditEvent(
        action=action,
        actor=actor or actor_now(fields),
        object_type=object_type,
        object_id="" if object_id is None else str(object_id),
        object_label=object_label,
        changes=changes,
        outcome=outcome,
        event_class=event_class,
        client_ip=None if address is None else str(address),
        correlation_id=None if correlation_id is None else str(correlation_id),
        reason=reason,
        subject=subject,
        extra=extra,
    )
    alias = using or home()
    with in_database(alias):
        entry = current_trail().append(event)
    if survives and entry is not None:
        audit_survivors.watch(cast(Any, connections[alias]), event)


def actor_now(fields: Mapping[str, Any] | None = None) -> Actor:
    """Return who is at work: whom `acting_as` names, or the user of the request.

    That is known if anybody has asked for it: nobody is made to load a user or a session for this. A request whose user
    nobody has asked for is anonymous. Else it is a management command, by the account that runs it, or the program.
    """
    known = context.current() if fields is None else fields
    actor = actor_of(known)
    if actor.kind != "system" or actor.id:
        return actor
    if "method" in known:
        return Actor("anonymous")
    command = _command()
    return Actor("command", command, _account()) if command else Actor("system", _program())


def user_actor(user: Any) -> Actor:
    """Return a user as an actor, named."""
    return Actor("user", str(user.pk), str(user.get_username())[:_LONGEST_LABEL])


def object_label(instance: Any, path: str) -> str:
    """Return the text of an attribute (a dotted path), as far as it is loaded: of a relation that is not, its key.

    Nothing is loaded for it, unless the project's own property or method does so.
    """
    value = instance
    for name in path.split(".") if path else ():
        have = getattr(value, "__dict__", {})
        if name in have:
            value = have[name]
            continue
        cached = getattr(getattr(value, "_state", None), "fields_cache", {})
        if name in cached:
            value = cached[name]
        elif f"{name}_id" in have:  # a relation that is not loaded
            value = have[f"{name}_id"]
            break
        else:
            found = getattr(type(value), name, None)
            value = getattr(value, name, "") if isinstance(found, property) or callable(found) else ""
        if callable(value):
            value = value()
    return "" if not path or value is None else str(value)[:_LONGEST_LABEL]


def home() -> str:
    """Return the database for what changes no row."""
    from aura_logging.django.audit_options import DjangoAuditOptions
    from aura_logging.django.conf import options
    from aura_logging.django.models import AuditEntry

    return options(DjangoAuditOptions).database or router.db_for_write(AuditEntry)


def _program() -> str:
    return os.path.basename(sys.argv[0]) if sys.argv else ""  # noqa: PTH119  # it need not be a path


def _command() -> str:
    arguments = sys.argv
    if len(arguments) < 2 or not arguments[0].endswith(_DJANGO_PROGRAMS):
        return ""
    return "" if arguments[1] in _SERVERS else arguments[1]


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return str(os.getuid())
