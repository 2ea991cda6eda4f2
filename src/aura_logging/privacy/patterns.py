"""Make a detector of a project's own pattern, or say at start-up why it cannot be one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aura_logging.options import OptionError, nearest
from aura_logging.patterns.syntax import parse
from aura_logging.privacy.detector import Detector, Span
from aura_logging.privacy.engine import compile_set
from aura_logging.privacy.pattern_safety import refuse_slow
from aura_logging.privacy.pattern_scan import scan_pattern

__all__ = ["custom_pattern", "patterns_from_settings"]

Validator = Callable[[str], bool]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_WINDOW = 4_096
_OVERLAP = 512


def custom_pattern(
    name: str,
    pattern: str,
    *,
    validator: Validator | None = None,
    examples: tuple[str, ...] = (),
    counter_examples: tuple[str, ...] = (),
    keep_last: int = 0,
) -> Detector:
    r"""Return a detector for what the pattern matches and the validator, if there is one, calls real.

        custom_pattern("employee_number", r"\bEMP-\d{6}\b", examples=("EMP-004711",))

    The name is what the marker shows. If the pattern has a group, the group is redacted, else all of the match.
    `OptionError` for a pattern that does not compile, that some text would make slow (nested or overlapping
    repeats), that cannot be matched in linear time (look-around, references to groups), or that does not find its
    examples. A validator that raises counts as one that says yes: better a marker too many.
    """
    if validator is not None and not callable(validator):
        raise OptionError(
            f"The validator of the pattern {name!r} is {validator!r}; it must be a function of the value."
        )
    if type(keep_last) is not int or keep_last < 0:
        raise OptionError(f"keep_last of the pattern {name!r} is {keep_last!r}; it must be a number of characters.")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise OptionError(f"The pattern name {name!r} must be a word in small letters, digits and underscores.")
    try:
        node = parse(pattern)
        refuse_slow(node)
        scan = scan_pattern(node)
        compile_set([scan])
    except ValueError as error:
        raise OptionError(f"The pattern {name!r}, {pattern!r}, cannot be used: {error}.") from None
    detector = Detector(
        name=name,
        scan=scan,
        find=_finder(re.compile(pattern), validator),
        examples=examples,
        counter_examples=counter_examples,
        keep_last=keep_last,
    )
    for example in examples:
        if not any(detector.find(example, "")):
            raise OptionError(f"The pattern {name!r}, {pattern!r}, does not find its example {example!r}.")
    for example in counter_examples:
        if any(detector.find(example, "")):
            raise OptionError(f"The pattern {name!r}, {pattern!r}, finds its counter-example {example!r}.")
    return detector


def patterns_from_settings(section: Mapping[str, str | Mapping[str, Any]]) -> tuple[Detector, ...]:
    r"""Return detectors for settings such as `{"employee": r"EMP-\d{6}", "mrn": {"pattern": …, "validator": …}}`."""
    detectors = []
    known = ("pattern", "validator", "examples", "counter_examples", "keep_last")
    for name, given in section.items():
        if not isinstance(given, (str, Mapping)):
            raise OptionError(f"The pattern {name!r} is {given!r}; it must be a text, or a mapping with a 'pattern'.")
        options: dict[str, Any] = {"pattern": given} if isinstance(given, str) else dict(given)
        for key in options:
            if key not in known:
                raise OptionError(f"The pattern {name!r} has the unknown key {key!r}. {nearest(key, known)}")
        if not isinstance(options.get("pattern"), str):
            raise OptionError(f"The pattern {name!r} has no text under 'pattern'.")
        for key in ("examples", "counter_examples"):
            if isinstance(options.get(key), str):
                raise OptionError(f"{key} of the pattern {name!r} is one text; it must be a list of texts.")
            options[key] = tuple(options.get(key, ()))
        detectors.append(custom_pattern(name, **options))
    return tuple(detectors)


def _finder(compiled: re.Pattern[str], validator: Validator | None) -> Callable[[str, str], Iterator[Span]]:
    group = 1 if compiled.groups else 0

    def find(text: str, field: str) -> Iterator[Span]:
        for match in _matches(compiled, text):
            start, end = match.span(group) if match.start(group) >= 0 else match.span()
            if start < end and (validator is None or _says_yes(validator, text[start:end])):
                yield start, end

    return find


def _matches(compiled: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Search long text window by window: a search that fails late at every place stays linear in the text."""
    done = 0
    for begin in range(0, max(1, len(text) - _OVERLAP), _WINDOW - _OVERLAP):
        stop = min(begin + _WINDOW, len(text))
        for match in compiled.finditer(text, max(begin, done), stop):
            if match.end() == stop < len(text):
                # It may go on beyond the window; from its start that is one try.
                match = compiled.match(text, match.start()) or match
            yield match
            done = max(done, match.end())


def _says_yes(validator: Validator, value: str) -> bool:
    try:
        return bool(validator(value))
    except Exception:  # noqa: BLE001  # the project's code; what it cannot judge is not shown
        return True
