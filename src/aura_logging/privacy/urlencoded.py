"""Scrub a query string or a form body so that it stays one."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from aura_logging.privacy.findings import Finding
from aura_logging.privacy.scrubber import Scrubber

__all__ = ["scrub_urlencoded"]


def scrub_urlencoded(text: str, scrubber: Scrubber) -> tuple[str, list[Finding]]:
    """Return `a=1&b=2` with every value read, scrubbed under its name and written again, and the findings.

    A finding's path is the field's name; its offsets count in the field's decoded value. Text without findings
    is returned as it was. What is no pair is scrubbed as text.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, encoding="utf-8", errors="replace")
    except ValueError:
        return scrubber.scrub(text)
    findings: list[Finding] = []
    kept: list[tuple[str, str]] = []
    for name, value in pairs:
        scrubbed, found = scrubber.scrub_value({name: value})
        findings += found
        kept.extend(scrubbed.items())
    return (urlencode(kept, safe="[]:*"), findings) if findings else (text, findings)
