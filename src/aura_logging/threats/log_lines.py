"""Tell from a log record of anybody's that something happened that a security officer wants to know."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Mapping

__all__ = ["LOG_LINE_KINDS", "annotate", "says_all", "threat_type_of"]

_DJANGO_SECURITY = "django.security."

# The children of `django.security`: one for each SuspiciousOperation, and one for CSRF failures.
_BY_LOGGER: Mapping[str, str] = {
    "csrf": "csrf_failure",
    "DisallowedHost": "disallowed_host",
    "SuspiciousFileOperation": "path_traversal",
    "SuspiciousMultipartForm": "suspicious_operation",
    "SuspiciousSession": "session_tampering",
    "DisallowedRedirect": "disallowed_redirect",
    "TooManyFieldsSent": "oversized_request",
    "TooManyFilesSent": "oversized_request",
    "RequestDataTooBig": "oversized_request",
}

_UNAUTHORIZED = 401

# Loggers whose records always say whether they are security events; on the first, all are.
_ALWAYS_SAID = frozenset({"aura.security", "aura.request"})

LOG_LINE_KINDS = frozenset({*_BY_LOGGER.values(), "suspicious_operation", "authentication_failure"})
"""Every `threat_type` that a log line alone can have."""

_FAILED_LOGIN = re.compile(
    r"\b(?:(?:authentication|log[- ]?in|sign[- ]?in|logon|auth)\s+(?:attempt\s+)?"
    r"(?:failed|failure|rejected|denied|refused)"
    r"|failed\s+(?:password|log[- ]?in|logon|sign[- ]?in|auth(?:entication)?)\b"
    r"|failed\s+to\s+(?:authenticate|log\s?in|sign\s?in)\b"
    r"|(?:invalid|incorrect|wrong|bad)\s+"
    r"(?:password|credentials|username or password|login|passphrase|(?:api[- ]?)?token)\b"
    r"|too\s+many\s+(?:failed\s+)?(?:log[- ]?in|authentication|sign[- ]?in|password)\s+attempts"
    r"|account\s+(?:is\s+|was\s+)?locked(?:\s+out)?)",
    re.IGNORECASE,
)


def threat_type_of(logger: object, level: int, template: object, status_code: object = None) -> str | None:
    """Return the kind of threat a record tells of, or None.

    `template` is the message before its arguments are filled in: what a developer wrote, not what a user sent; so
    a record about SQL, or with an attack in its arguments, is none. Only records from INFO up are looked at.
    """
    if not isinstance(logger, str):  # makeLogRecord lets a record have any name, or none
        return None
    if logger.startswith(_DJANGO_SECURITY):
        return _BY_LOGGER.get(logger[len(_DJANGO_SECURITY) :], "suspicious_operation")
    if level < logging.INFO:
        return None
    if logger == "django.request":
        return "authentication_failure" if status_code == _UNAUTHORIZED else None
    if type(template) is str and _may_tell_of_a_login(template) and _FAILED_LOGIN.search(template[:500]):
        return "authentication_failure"
    return None


def annotate(record: logging.LogRecord) -> str | None:
    """Set `security_event` and `threat_type` on a record that tells of a threat, and return the type.

    What the record says of itself stays. Call it before the record is encoded; a second time is harmless.
    """
    fields = record.__dict__
    if fields.get("security_event") is True:
        known = fields.get("threat_type")
        return known if isinstance(known, str) else None
    kind = threat_type_of(record.name, record.levelno, record.msg, fields.get("status_code"))
    if kind is not None:
        fields["security_event"] = True
        fields.setdefault("threat_type", kind)
    elif isinstance(record.name, str) and record.name in _ALWAYS_SAID and "security_event" not in fields:
        fields["security_event"] = record.name == "aura.security"
    return kind


def says_all(logger: str, level: int, template: object, fields: Mapping[str, object]) -> bool:
    """Tell whether `annotate` would leave a record with these fields as it is; `TypeError` for nonsense in them.

    For records whose message comes again and again: what it tells is remembered.
    """
    if fields.get("security_event") is True:
        return True
    if logger in _ALWAYS_SAID and "security_event" not in fields:
        return False
    return _known_threat_type(logger, level, template, fields.get("status_code")) is None


# Of records whose message never changes, such as a request's: the answer is known. An unhashable part is an error.
_known_threat_type = functools.lru_cache(maxsize=1_000)(threat_type_of)


def _may_tell_of_a_login(template: str) -> bool:
    # Looking for five words costs a tenth of the pattern, and nearly no line has one.
    return (
        "ogin" in template
        or "uth" in template
        or "assword" in template
        or "redential" in template
        or "ogon" in template
        or "ign" in template
        or "oken" in template
        or "og in" in template
        or "ocked" in template
    )
