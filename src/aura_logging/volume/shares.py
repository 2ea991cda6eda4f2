"""Spread requests, and records of none, evenly over the numbers from 0 to 1, alike in every process."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from struct import Struct
from typing import Any

from aura_logging import context
from aura_logging.encoding import plain_text

__all__ = ["identity_of", "share_of_identity", "share_of_message"]

_SPAN = 0x1_0000_0000
_time = Struct("<d").pack


def identity_of(fields: Mapping[str, Any]) -> object:
    """Return the id that a record shares with all others of its request: correlation id or trace id; `None` if none.

    The record's own comes first, then what is bound where it is logged.
    """
    found = fields.get("correlation_id") or fields.get("trace_id")
    if found:
        return found
    bound = context.current()
    return bound.get("correlation_id") or bound.get("trace_id") or None


def share_of_identity(identity: object) -> float:
    """Return a number from 0 to below 1 that is the same for one id in every process and service.

    CRC-32: ids are random or hashed already, so evenness is what is asked of it, and it costs a tenth of a
    cryptographic hash.
    """
    text = identity if type(identity) is str else plain_text(identity)
    return zlib.crc32(text.encode("utf-8", "backslashreplace")) / _SPAN


def share_of_message(logger: str, template: object, created: float) -> float:
    """Return such a number for one record that belongs to no request: by what it says, and when."""
    text = f"{logger}\n{template if type(template) is str else plain_text(template)}"
    # The time comes last: its low bits, in which two records differ, go through all the eight bytes' turns.
    return zlib.crc32(_time(created), zlib.crc32(text.encode("utf-8", "backslashreplace"))) / _SPAN
