"""Assert in a test that nothing personal and no secret was logged."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from aura_logging import records
from aura_logging.encoding import exception_text, message_of
from aura_logging.privacy.findings import Finding
from aura_logging.privacy.scrubber import Scrubber

__all__ = ["assert_no_pii", "find_pii"]


def assert_no_pii(*values: Any, scrubber: Scrubber | None = None, allow: Iterable[str] = ()) -> None:
    """Raise `AssertionError` if anything is found in texts, log records, or values of any shape.

        assert_no_pii(stream.getvalue())
        assert_no_pii(caplog.records, allow=["email"])

    The message tells what kind of thing was found and where, and does not repeat it. `allow` names detectors
    whose findings are all right here.
    """
    findings = find_pii(*values, scrubber=scrubber, allow=allow)
    if findings:
        counted = Counter(finding.detector for finding in findings)
        summary = ", ".join(f"{number} x {detector}" for detector, number in sorted(counted.items()))
        places = "".join(f"\n  {_place(finding)}" for finding in findings[:20])
        more = f"\n  and {len(findings) - 20} more" if len(findings) > 20 else ""
        raise AssertionError(f"Found what must not leave: {summary}{places}{more}")


def find_pii(*values: Any, scrubber: Scrubber | None = None, allow: Iterable[str] = ()) -> list[Finding]:
    """Return what is found in texts, log records, or values of any shape; paths begin with the value's number."""
    chosen = scrubber or _default_scrubber()
    allowed = frozenset(allow)
    plain = {str(number): _plain(value) for number, value in enumerate(values)}
    _, findings = chosen.scrub_value(plain if len(values) > 1 else plain.get("0"))
    return [finding for finding in findings if finding.detector not in allowed]


def _plain(value: Any) -> Any:
    """Return a record, alone or in a list, as the fields that a handler could write."""
    if isinstance(value, logging.LogRecord):
        info = value.exc_info
        return {
            "message": message_of(value),
            "args": value.args,
            "exception": exception_text(info) if isinstance(info, tuple) and info[0] is not None else None,
            "exc_text": value.exc_text,
            "stack": value.stack_info,
            **records.extras(value),
        }
    if isinstance(value, (list, tuple)) and any(isinstance(item, logging.LogRecord) for item in value):
        return [_plain(item) for item in value]
    return value


def _place(finding: Finding) -> str:
    where = f"{finding.path}: " if finding.path else ""
    return f"{where}{finding.detector} at characters {finding.start}-{finding.end}"


@lru_cache(maxsize=1)
def _default_scrubber() -> Scrubber:
    return Scrubber()
