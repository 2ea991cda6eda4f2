"""Write security events on `aura.security`, storms of them folded, and tell whoever keeps a trail of accounts."""

from __future__ import annotations

import atexit
import contextvars
import functools
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from django.dispatch import Signal

from aura_logging import context
from aura_logging.django.conf import options
from aura_logging.django.threat_options import ThreatOptions
from aura_logging.threats.login_guard import source_of
from aura_logging.threats.storms import Storm, Storms

__all__ = [
    "account_event",
    "failed_to_watch",
    "failures",
    "never_raises",
    "storms",
    "tell",
    "tell_of_account",
    "tell_of_ends",
]

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("aura.security")

account_event = Signal()
"""Sent for each event that concerns an account, folded or not: a failed login, an attack on logins, an odd journey.

Receivers get `threat_type`, `account` (its pseudonym, or empty), `user` (the model instance, where it is known, else
None), `client_ip` and `correlation_id` (or None), and `fields` (a dict: what the record on `aura.security` says). It
may come from a thread of ours with no request at hand. What a receiver raises is logged by Django and goes no further.
"""

storms = Storms()

failures: Counter[str] = Counter()
"""How often something of ours failed and was kept from the application, by error."""

_lock = threading.Lock()


def never_raises(watching: Callable[P, R], otherwise: R) -> Callable[P, R]:
    """Make a function that answers `otherwise` where the one given raises: no request fails for being watched."""

    @functools.wraps(watching)
    def watch(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return watching(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  # as promised
            failed_to_watch(error)
            return otherwise

    return watch


def failed_to_watch(error: Exception) -> None:
    """Count an error of ours that was kept from the application."""
    with _lock:
        failures[type(error).__name__] += 1


def tell(message: str, threat_type: str, source: str, **fields: Any) -> None:
    """Log an event of a source (an address, or an account), unless it is one more of a storm.

    The context's fields (who, what, from where, the correlation id) join the record to the request's other lines.
    """
    storm = storms.seen(source_of(source), threat_type)
    if storm is not None:
        if storm.count > 1:
            fields = {"count": storm.count, "folded": storm.untold - 1, **fields}
        _log(message, threat_type, fields)
    tell_of_ends(storms.ended())


def tell_of_account(threat_type: str, account: str, fields: dict[str, Any], user: Any = None) -> None:
    """Send `account_event`."""
    if account_event.has_listeners():
        bound = context.current()
        account_event.send_robust(
            sender=None,
            threat_type=threat_type,
            account=account,
            user=user,
            client_ip=bound.get("client_ip"),
            correlation_id=bound.get("correlation_id"),
            fields=fields,
        )


def tell_of_ends(over: Iterable[Storm]) -> None:
    """Log how many came of each of these storms, which are over."""
    for storm in over:
        # In an empty context: what is bound now is of some other request.
        contextvars.Context().run(_tell_of_end, storm)


@atexit.register
def _tell_at_exit() -> None:
    storms.end_all()
    tell_of_ends(storms.ended())


def _tell_of_end(storm: Storm) -> None:
    fields: dict[str, Any] = {
        "count": storm.count,
        "folded": storm.untold,
        "window_seconds": round(storm.seconds, 3),
    }
    if storm.source.startswith("["):
        if options(ThreatOptions).accounts != "omit":
            fields["account"] = storm.source
    elif storm.source:
        # Of IPv6 a storm has a /64, and its first address stands for it: the field holds addresses and nothing else.
        fields["client_ip"] = storm.source.partition("/")[0]
    _log("storm of threats is over", storm.kind, fields)


def _log(message: str, threat_type: str, fields: dict[str, Any]) -> None:
    log.warning(message, extra={"security_event": True, "threat_type": threat_type, **fields})
