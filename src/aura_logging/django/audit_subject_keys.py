"""Keep the keys of people's data in the project's database."""

from __future__ import annotations

import os
from collections.abc import Callable

from django.db import DatabaseError

from aura_logging.audit.shredding import KEY_BYTES
from aura_logging.audit.stores.base import AuditError
from aura_logging.django.models import AuditSubjectKey

__all__ = ["DatabaseSubjectKeys"]


class DatabaseSubjectKeys:
    """See `SubjectKeys`. A key made in a transaction that is rolled back is gone, with what it encrypted.

    Keys lie beside the trail here, and in its backups: erase within the time that backups are kept, or keep them in a
    database of their own (`AURA["AUDIT"]["key_database"]`).
    """

    def __init__(self, using: str, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._using = using
        self._entropy = entropy

    def key(self, subject: str) -> bytes | None:
        """Return a subject's key, if there is one."""
        try:
            found = AuditSubjectKey.objects.using(self._using).filter(subject=subject).values_list("key", flat=True)
            key = found.first()
        except DatabaseError as error:
            raise AuditError(f"the key of a subject cannot be read: {error}") from error
        return None if key is None else bytes(key)

    def make_key(self, subject: str) -> bytes:
        """Return a subject's key; of two that make one at once, one finds the other's."""
        found = self.key(subject)
        if found is not None:
            return found
        try:
            row, _ = AuditSubjectKey.objects.using(self._using).get_or_create(
                subject=subject, defaults={"key": self._entropy(KEY_BYTES)}
            )
        except DatabaseError as error:
            raise AuditError(f"no key can be made for a subject: {error}") from error
        return bytes(row.key)

    def erase(self, subject: str) -> bool:
        """Remove a subject's key."""
        try:
            return AuditSubjectKey.objects.using(self._using).filter(subject=subject).delete()[0] > 0
        except DatabaseError as error:
            raise AuditError(f"the key of a subject cannot be erased: {error}") from error
