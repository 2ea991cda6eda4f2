"""Know through which server Django's mail goes, so that a probe can call on it without sending anything."""

from __future__ import annotations

from django.conf import settings

__all__ = ["mail_server"]


def mail_server() -> tuple[str, int] | None:
    """Return host and port if mail goes by SMTP; None for a backend that needs no server we know."""
    if settings.EMAIL_BACKEND != "django.core.mail.backends.smtp.EmailBackend" or not settings.EMAIL_HOST:
        return None
    return str(settings.EMAIL_HOST), int(settings.EMAIL_PORT)
