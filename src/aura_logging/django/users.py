"""Say who the user of a request is, if somebody else has found that out already."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.db.models.query_utils import DeferredAttribute
from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

__all__ = ["NOBODY", "loaded_users", "user_fields"]

NOBODY: tuple[Any, ...] = ()
"""What `loaded_users` returns as long as no user is loaded."""

_TOKEN_SCHEMES = frozenset({"apikey", "basic", "bearer", "digest", "hmac", "jwt", "negotiate", "token"})
_CACHES = ("_cached_user", "_acached_user")


def loaded_users(request: HttpRequest) -> tuple[Any, ...]:
    """Return every user object that the request has loaded, the one most likely meant first.

    `request.user` comes first when it was set outright (a token scheme, `login()`) or is a lazy object that somebody
    has evaluated; then what Django remembers of `request.user` and of `request.auser()`. Reading an unevaluated
    user would cost a query, set `Vary: Cookie`, and fail in an async view: it is left alone.
    """
    attributes = request.__dict__
    user = attributes.get("user")
    cached, acached = attributes.get("_cached_user"), attributes.get("_acached_user")
    if isinstance(user, LazyObject):
        user = None if user._wrapped is empty else user._wrapped
    if user is None and cached is None and acached is None:
        return NOBODY  # this is asked before every record
    return tuple(one for one in (user, cached, acached) if one is not None)


def user_fields(users: tuple[Any, ...], request: HttpRequest) -> dict[str, Any]:
    """Return `user_id`, `user_type` and `auth_method`; somebody known goes before somebody anonymous.

    So a request that logs in is its new user's, and one that logs out still its old user's. Nothing is loaded for
    it: what the user object does not have yet (deferred fields) is left out. The user class is the project's own
    code; what it raises becomes the field `context_error`.
    """
    try:
        for user in users:
            if getattr(user, "is_authenticated", False):
                return _known(user, request)
    except Exception as error:  # noqa: BLE001  # a property of the project's user class
        return {"context_error": f"user: {type(error).__name__}"}
    return {"user_type": "anonymous"} if users else {}


def _known(user: Any, request: HttpRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {"user_type": _type(user)}
    # A token may stand for a client that is no row of the user table.
    key = getattr(user, "pk", None)
    if key is not None:
        fields["user_id"] = str(key)
    method = _auth_method(user, request)
    if method is not None:
        fields["auth_method"] = method
    return fields


def _type(user: Any) -> str:
    if _loaded(user, "is_superuser"):
        return "superuser"
    return "staff" if _loaded(user, "is_staff") else "authenticated"


def _loaded(user: Any, name: str) -> Any:
    deferred = isinstance(getattr(type(user), name, None), DeferredAttribute) and name not in user.__dict__
    return None if deferred else getattr(user, name, None)


def _auth_method(user: Any, request: HttpRequest) -> str | None:
    """Tell how the user proved who it is: by its session, or by the scheme of its Authorization header."""
    attributes = request.__dict__
    if any(attributes.get(cache) is user for cache in _CACHES) or _has_logged_in(user, request):
        return "session"
    scheme = (request.META.get("HTTP_AUTHORIZATION") or "").partition(" ")[0].lower()
    return scheme if scheme in _TOKEN_SCHEMES else None


def _has_logged_in(user: Any, request: HttpRequest) -> bool:
    # `login()` puts the user into the session; a session that nobody has loaded is not loaded for this either.
    session = getattr(request.__dict__.get("session"), "__dict__", {}).get("_session_cache") or {}
    return SESSION_KEY in session and session[SESSION_KEY] == str(getattr(user, "pk", None))
