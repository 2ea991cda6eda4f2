"""Encrypt what an entry says about a person under a key of that person's, so that forgetting is destroying the key.

The chain signs the ciphertext: with the key gone the entry still verifies, still says who did what to which object and
when, and nobody can read the rest again, in no backup of the trail either (backups of the keys are another matter: let
them live no longer than erasure may take). AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce for each event; the
event's id and subject are authenticated with it, so that a ciphertext cannot be moved to another event.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import orjson

from aura_logging.audit.canonical import plain_changes, plain_mapping
from aura_logging.audit.events import AuditEvent
from aura_logging.audit.stores.base import AuditError
from aura_logging.options import OptionError

__all__ = ["KEY_BYTES", "SubjectCipher", "SubjectKeys"]

KEY_BYTES = 32

_NONCE_BYTES = 12


class SubjectKeys(Protocol):
    """Keys by subject, for any thread and process. Keep them apart from the trail, and from its backups."""

    def key(self, subject: str) -> bytes | None:
        """Return a subject's key of 32 bytes; None if it has none (any more). `AuditError` if that cannot be told."""
        ...

    def make_key(self, subject: str) -> bytes:
        """Return a subject's key, and make and keep one durably if there is none. `AuditError` if unreachable."""
        ...

    def erase(self, subject: str) -> bool:
        """Destroy a subject's key; false if there is none. Whatever it sealed is unreadable from here on."""
        ...


class SubjectCipher:
    """Seals and opens what events say about their subject. Needs the extra `audit` (the `cryptography` package)."""

    def __init__(self, keys: SubjectKeys, entropy: Callable[[int], bytes] = os.urandom) -> None:
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as error:
            raise OptionError('encrypting by subject needs cryptography: pip install "aura-logging[audit]"') from error
        self.keys = keys
        self._entropy = entropy
        self._cipher = AESGCM
        self._wrong: type[Exception] = InvalidTag

    def seal(self, event: AuditEvent) -> AuditEvent:
        """Return the event with changes, extra fields, reason and label encrypted under its subject's key.

        An event without a subject is returned as it is. `AuditError` if there is no getting at the key.
        """
        if not event.subject:
            return event
        members: dict[str, Any] = {
            "changes": plain_changes(event.changes),
            "extra": plain_mapping(event.extra),
            "reason": event.reason,
            "label": event.object_label,
        }
        nonce = self._entropy(_NONCE_BYTES)
        cipher = self._cipher(self.keys.make_key(event.subject))
        sealed = nonce + cipher.encrypt(nonce, orjson.dumps(members), _bound_to(event))
        text = base64.b64encode(sealed).decode()
        return replace(event, changes={}, extra={}, reason=None, object_label="", sealed=text)

    def open(self, event: AuditEvent) -> AuditEvent:
        """Return the event as it was before `seal`; as it is, `sealed`, if its subject's key was erased.

        `AuditError` if the ciphertext is not what that key sealed for this event.
        """
        if not event.sealed or not event.subject:
            return event
        key = self.keys.key(event.subject)
        if key is None:
            return event
        try:
            sealed = base64.b64decode(event.sealed, validate=True)
            members = orjson.loads(
                self._cipher(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(event))
            )
        except (self._wrong, binascii.Error, ValueError) as error:
            raise AuditError(f"event {event.id} was not sealed under the key of its subject") from error
        changes = {name: (old, new) for name, (old, new) in members["changes"].items()}
        return replace(
            event, changes=changes, extra=members["extra"], reason=members["reason"],
            object_label=members["label"], sealed="",
        )  # fmt: skip


def _bound_to(event: AuditEvent) -> bytes:
    return orjson.dumps(["aura_logging.audit.sealed.1", event.id, event.subject])
