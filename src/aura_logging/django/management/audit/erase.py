"""Make what the trail holds about a person unreadable, by destroying the key it was encrypted with.

Needs AURA["AUDIT"]["encrypt_subjects"]. The trail still verifies, and still tells who did what to which object and
when.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from aura_logging.django.audit_options import DjangoAuditOptions
from aura_logging.django.audit_telling import tell
from aura_logging.django.audit_trail import make_cipher
from aura_logging.django.conf import options as options_of

__all__ = ["add_arguments", "run"]


def add_arguments(parser: CommandParser) -> None:
    """Declare the subject, and `--reason`."""
    parser.add_argument("subject", metavar="SUBJECT", help="Whose data, as it was recorded: patient:42.")
    parser.add_argument("--reason", required=True, help="Why; it is recorded.")


def run(options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
    """Record it, then destroy the key; 1 if there is none."""
    cipher = make_cipher(options_of(DjangoAuditOptions))
    if cipher is None:
        raise CommandError(
            'Nothing is encrypted: AURA["AUDIT"]["encrypt_subjects"] is off, so nothing can be erased so.', returncode=2
        )
    if cipher.keys.key(options["subject"]) is None:
        err.write(f"{options['subject']} has no key (any more).")
        return 1
    tell("audit.subject_erased", "administration", object_id=options["subject"], reason=options["reason"])
    cipher.keys.erase(options["subject"])
    out.write(f"The key of {options['subject']} is destroyed.")
    return 0
