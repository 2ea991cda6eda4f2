"""Know how Django's mail goes, so that a probe can call on the server without sending anything."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import django
from django.conf import settings

__all__ = ["mail_backend", "mail_server", "mail_setting"]

_SMTP = "django.core.mail.backends.smtp.EmailBackend"
_SMTP_PORT = 25


def mail_setting() -> str:
    """Return the setting that names the backend, as it is spelled in this project's settings."""
    return "EMAIL_BACKEND" if _mailer() is None else 'MAILERS["default"]["BACKEND"]'


def mail_backend() -> str:
    """Return the class, with its module, that sends the mail to ADMINS."""
    mailer = _mailer()
    return str(_old("EMAIL_BACKEND") if mailer is None else mailer.get("BACKEND", _SMTP))


def mail_server() -> tuple[str, int] | None:
    """Return host and port if mail to ADMINS goes by SMTP; None without ADMINS, and for other backends."""
    if not settings.ADMINS or mail_backend() != _SMTP:
        return None
    mailer = _mailer()
    if mailer is None:
        host, port = _old("EMAIL_HOST"), _old("EMAIL_PORT")
    else:
        options = mailer.get("OPTIONS", {})
        host, port = options.get("host", ""), options.get("port", _SMTP_PORT)
    return (str(host), int(port)) if host else None


def _mailer() -> Mapping[str, Any] | None:
    """Return the default mailer of Django 6.1 and later; None for a project that has the settings of before."""
    if django.VERSION < (6, 1) or not hasattr(settings, "MAILERS"):
        return None
    mailer: Mapping[str, Any] = settings.MAILERS.get("default", {})
    return mailer


def _old(name: str) -> Any:
    with warnings.catch_warnings():
        # Django warns of the old settings by itself, where they are written.
        warnings.simplefilter("ignore")
        return getattr(settings, name)
