"""Show a page to staff who have the permission, to be read only, and under a policy that lets nothing else run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_safe

from aura_logging.django.conf import options
from aura_logging.django.dashboard.options import DashboardOptions

__all__ = ["staff_only"]

Page = Callable[..., HttpResponse]

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}


def staff_only(page: Page) -> Page:
    """Answer GET and HEAD of staff with the permission; send who is not logged in to the login, 403 to who may not.

    The login is the admin's where there is one, else `LOGIN_URL`. Pages are kept by no cache, unless they say so
    themselves.
    """
    read_only = require_safe(page)

    @functools.wraps(page)
    def guarded(request: HttpRequest, **arguments: Any) -> HttpResponse:
        refusal = _refusal(request)
        response = read_only(request, **arguments) if refusal is None else refusal
        for name, value in _HEADERS.items():
            response[name] = value
        response.setdefault("Cache-Control", "no-store")
        return response

    return login_not_required(guarded)


def _refusal(request: HttpRequest) -> HttpResponse | None:
    user = getattr(request, "user", None)
    if user is None:
        return _forbidden("This page needs django.contrib.auth and its AuthenticationMiddleware.")
    if not user.is_authenticated:
        return redirect_to_login(request.get_full_path(), _login_url())
    permission = options(DashboardOptions).permission
    if not getattr(user, "is_staff", False):
        return _forbidden("This page is for staff.")
    if not user.has_perm(permission):
        return _forbidden(f"This page is for staff with the permission {permission}.")
    return None


def _login_url() -> str:
    try:
        return reverse("admin:login")
    except NoReverseMatch:
        return resolve_url(settings.LOGIN_URL)


def _forbidden(reason: str) -> HttpResponse:
    return HttpResponse(f"Forbidden. {reason}\n", status=403, content_type="text/plain; charset=utf-8")
