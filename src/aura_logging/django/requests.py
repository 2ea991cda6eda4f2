"""Say what is known of a Django request, without making it look anything up."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

from aura_logging import context
from aura_logging.client_address import TrustedProxies
from aura_logging.django.conf import declare
from aura_logging.propagation import REQUEST_ID_HEADERS, Trace, accept

__all__ = ["ContextOptions", "FieldsLearntLater", "first_fields", "trace_of"]

_MAX_USER_AGENT = 512
_TOKEN_SCHEMES = frozenset({"basic", "bearer", "digest", "hmac", "jwt", "negotiate", "token"})


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """`AURA["CONTEXT"]`: whom to believe about the client, and which headers carry a request id.

    `trusted_proxies` are addresses, networks, or `"unix"` for a proxy that connects through a Unix socket; with
    none, `X-Forwarded-For` is ignored. `response_header` answers with the correlation id; empty for none.
    """

    trusted_proxies: tuple[str, ...] = ()
    request_id_headers: tuple[str, ...] = REQUEST_ID_HEADERS
    response_header: str = "X-Request-ID"

    def __post_init__(self) -> None:
        TrustedProxies(self.trusted_proxies)


declare("CONTEXT", ContextOptions)


def trace_of(request: HttpRequest, options: ContextOptions) -> Trace:
    """Return the caller's ids where they are well formed, new ones otherwise."""
    return accept(request.headers.get, request_id_headers=options.request_id_headers)


def first_fields(request: HttpRequest, trace: Trace, proxies: TrustedProxies) -> dict[str, Any]:
    """Return what is known before any middleware ran: ids, client, method, path."""
    meta = request.META
    fields: dict[str, Any] = {**trace.fields(), "method": request.method, "path": request.path}
    client_ip = proxies.client(meta.get("REMOTE_ADDR") or "", meta.get("HTTP_X_FORWARDED_FOR") or "")
    if client_ip is not None:
        fields["client_ip"] = client_ip
    user_agent = meta.get("HTTP_USER_AGENT")
    if user_agent:
        fields["user_agent"] = user_agent[:_MAX_USER_AGENT]
    return fields


class FieldsLearntLater:
    """Binds the route and the user as soon as Django knows them: called before each record of the request.

    It looks only at what is there. The user is read when somebody else has loaded it: reading it ourselves would
    cost a query, set `Vary: Cookie`, and fail in an async view. The request is held weakly, so that a task that
    outlives it does not keep it.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = weakref.ref(request)
        self._route_known = False
        self._user_known = False

    def __call__(self) -> None:
        """Bind what has become known since the last time."""
        if self._route_known and self._user_known:
            return
        request = self._request()
        if request is None:
            return
        learnt: dict[str, Any] = {}
        if not self._route_known and (match := request.resolver_match) is not None:
            self._route_known = True
            learnt["route"] = match.route
        if not self._user_known and (user := _resolved_user(request)) is not None:
            self._user_known = True
            learnt.update(_user_fields(user, request))
        if learnt:
            context.bind(**learnt)


def _resolved_user(request: HttpRequest) -> Any:
    """Return the user if it has been loaded; Django caches what `request.user` and `request.auser()` found."""
    attributes = request.__dict__
    for cached in ("_cached_user", "_acached_user"):
        if cached in attributes:
            return attributes[cached]
    user = attributes.get("user")
    # A token scheme (Django REST framework, say) sets the user itself.
    if isinstance(user, LazyObject) and user._wrapped is empty:
        return None
    return user


def _user_fields(user: Any, request: HttpRequest) -> dict[str, Any]:
    if not getattr(user, "is_authenticated", False):
        return {"user_type": "anonymous"}
    fields: dict[str, Any] = {"user_id": str(user.pk), "user_type": _user_type(user)}
    method = _auth_method(request)
    if method is not None:
        fields["auth_method"] = method
    return fields


def _user_type(user: Any) -> str:
    if getattr(user, "is_superuser", False):
        return "superuser"
    return "staff" if getattr(user, "is_staff", False) else "authenticated"


def _auth_method(request: HttpRequest) -> str | None:
    """Tell how the user proved who it is: by its session, or by the scheme of its Authorization header."""
    if "_cached_user" in request.__dict__ or "_acached_user" in request.__dict__:
        return "session"
    scheme = (request.META.get("HTTP_AUTHORIZATION") or "").partition(" ")[0].lower()
    return scheme if scheme in _TOKEN_SCHEMES else None
