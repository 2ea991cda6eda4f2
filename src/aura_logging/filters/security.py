"""Let no personal data and no secret pass to a handler."""

from __future__ import annotations

import logging
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from aura_logging.health import Health, Status
from aura_logging.options import OptionError
from aura_logging.privacy.detector import Detector
from aura_logging.privacy.engine import ENGINE_NAME
from aura_logging.privacy.findings import Finding
from aura_logging.privacy.line_scan import LineScan, remember
from aura_logging.privacy.record_scrubber import RecordScrubber, blank
from aura_logging.privacy.scrubber import Scrubber
from aura_logging.records import kept_line
from aura_logging.resilience.forks import tell_after_fork
from aura_logging.threats.log_lines import annotate, threat_type_of

__all__ = ["SecurityFilter", "use_everywhere"]

# Whether a record of these tells of a threat is not in the message alone.
_SPEAKING_LOGGERS = ("django", "aura.")

_TOLD_BY_FIELDS = ("django", "aura.")
"""Loggers of whose records the fields tell as well, or whose records always say whether they are security events."""

_without_options: weakref.WeakSet[SecurityFilter] = weakref.WeakSet()


def use_everywhere(scrubber: Scrubber) -> None:
    """Give a scrubber to every filter there is that was made without options of its own.

    LOGGING is configured before anybody can read a project's other settings; this lets those come later.
    """
    for security_filter in list(_without_options):
        security_filter.use(scrubber)


class SecurityFilter(logging.Filter):
    """Redact what must not leave, in the record itself, before any handler sees it.

    Attach it to every handler, after the filters that add fields and not to a logger: a logger's filters do not see
    what child loggers log. The record is encoded to its JSON line, which a JSON handler after it ships as it is,
    and the line is scanned in one pass. Only when that suspects something are message, arguments, extra fields,
    exception and stack looked at one by one and redacted in place, for all handlers after it. Passing it again is
    harmless.

    The options are those of `aura_logging.privacy.Scrubber`; or give a `scrubber`. `scrub=False` lets everything
    pass unseen. With `detect`, a record that tells of a threat by itself (a failed login, a CSRF failure, what Django
    logs on `django.security`) gets `security_event` and `threat_type`. It never raises into the application. A record
    that could not be scrubbed passes with its time, its level and its logger, and the marker
    `[REDACTED:scrubbing_failed]` for all the rest; `health()` counts those.

    It does not reach `record.request`, which Django attaches and `AdminEmailHandler` reports by its own rules.
    """

    line_left: Callable[[logging.LogRecord], bytes | None] | None
    """Gives the line of a record that `filter` has just passed, if there is one and nobody can have changed it.

    For a handler that asks right after `filter`: it spares looking for changes, which costs as much as the scan.
    """

    def __init__(
        self,
        *,
        scrub: bool = True,
        detect: bool = True,
        scrubber: Scrubber | None = None,
        enable: Collection[str] = (),
        disable: Collection[str] = (),
        patterns: Iterable[Detector] | Mapping[str, str | Mapping[str, Any]] = (),
        replacement: str = "redact",
        replacements: Mapping[str, str] | None = None,
        pseudonym_key: str | bytes | None = None,
        secret_names: Collection[str] = (),
        allowed_names: Collection[str] = (),
    ) -> None:
        super().__init__()
        given = bool(enable or disable or patterns or replacements or secret_names or allowed_names or pseudonym_key)
        given = given or replacement != "redact"
        if scrubber is not None and given:
            raise OptionError("Give SecurityFilter a scrubber or the options for one, not both.")
        self.use(
            scrubber
            or Scrubber(
                enable=enable,
                disable=disable,
                patterns=patterns,
                replacement=replacement,
                replacements=replacements,
                pseudonym_key=pseudonym_key,
                secret_names=secret_names,
                allowed_names=allowed_names,
            )
        )
        self._scrubs = scrub
        self._detects = detect
        self.line_left = kept_line if scrub and type(self) is SecurityFilter else None
        self._harmless: set[str] = set()
        self._nothing_said: set[tuple[str, str]] = set()
        self.after_fork_in_child()
        tell_after_fork(self)
        self._findings: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        if scrubber is None and not given:
            _without_options.add(self)

    def after_fork_in_child(self) -> None:
        """Leave the parent's lock to it: a thread that is not here may hold it."""
        self._lock = threading.Lock()

    @property
    def scrubs(self) -> bool:
        """Whether it redacts, or only marks records that tell of a threat."""
        return self._scrubs

    def use(self, scrubber: Scrubber) -> None:
        """Scrub with this scrubber from here on."""
        self.scrubber = scrubber
        # In one piece: another scrubber finds other things clean.
        self._scan = LineScan(scrubber.engine)
        self._record_scrubber = RecordScrubber(scrubber)

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark the record if it tells of a threat, redact it if anything in it must not leave; always true."""
        try:
            if self._detects:
                # First: it reads the template as the developer wrote it.
                msg = record.msg
                name = record.name
                if type(msg) is not str or type(name) is not str or (name, msg) not in self._nothing_said:
                    self._annotate(record, name, msg)
            # Arguments by name may hold more than the template uses, and than is in the line.
            if self._scrubs and (self._scan.suspects(record) or type(record.args) is dict):
                self._count(self._record_scrubber.scrub(record))
        except Exception as error:  # noqa: BLE001  # a log call must not fail, nor may what it says slip through
            self._fail(record, error)
        return True

    def _annotate(self, record: logging.LogRecord, name: object, msg: object) -> None:
        if annotate(record) is not None or record.levelno < logging.INFO or type(name) is not str:
            return
        # Remembered is what comes again; where the fields tell as well, the message alone is no answer.
        if type(msg) is str and "%" in msg and not name.startswith(_SPEAKING_LOGGERS):
            remember((name, msg), self._nothing_said)

    @property
    def detects(self) -> bool:
        """Whether it marks records that tell of a threat."""
        return self._detects

    def is_harmless(self, logger: str, level: int, template: str) -> bool:
        """Tell whether a record that there is not yet tells of no threat; false also where its fields would tell.

        `template` is the message before its arguments are filled in.
        """
        if logger.startswith(_TOLD_BY_FIELDS):
            return False
        if template in self._harmless and level >= logging.INFO:
            return True
        is_harmless = threat_type_of(logger, level, template) is None
        if is_harmless and level >= logging.INFO and "%" in template:  # one that comes again
            remember(template, self._harmless)
        return is_harmless

    def is_clean(self, line: bytes, news: bytes, site: bytes, context: bytes) -> bool:
        """Tell whether a record that there is not yet would pass unredacted; always true of one that does not scrub.

        `line` is what `encode` would make of it. Of its parts `news` is scanned each time; `site` and `context`, which
        many lines repeat, once. A value, and its name, lies within one of them. No argument may be a mapping.
        """
        return not self._scrubs or not self._scan.suspects_parts(line, news, site, context)

    def _count(self, findings: list[Finding]) -> None:
        if findings:
            with self._lock:
                self._findings.update(finding.detector for finding in findings)

    def _fail(self, record: logging.LogRecord, error: Exception) -> None:
        blank(record, "scrubbing_failed")
        with self._lock:
            self._failures[type(error).__name__] += 1

    def health(self) -> Health:
        """Tell what was found, by detector, and how many records could not be scrubbed, by error."""
        # Without the lock, for it is asked in a forked child too: copying a dict of strings is one step to all others.
        findings, failures = dict(self._findings), dict(self._failures)
        failed = sum(failures.values())
        return Health(
            Status.DEGRADED if failed else Status.HEALTHY,
            detail=f"{failed} records could not be scrubbed and were blanked" if failed else "",
            facts={"findings": findings, "scrubbing_failures": failures, "scan_engine": ENGINE_NAME},
        )
