"""Know through which server Django's mail goes, so that a probe can call on it without sending anything."""

from __future__ import annotations

from django.conf import settings

__all__ = ["mail_server"]


def mail_server() -> tuple[str, int] | None:
    """Return host and port if mail to ADMINS goes by SMTP; None without ADMINS, and for other backends."""
    if not settings.ADMINS:
        return None
    if settings.EMAIL_BACKEND != "django.core.mail.backends.smtp.EmailBackend" or not settings.EMAIL_HOST:
        return None
    return str(settings.EMAIL_HOST), int(settings.EMAIL_PORT)
