"""Replace what must not leave, in text and in values of any shape."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from aura_logging.options import OptionError, nearest
from aura_logging.privacy.assignments import SECRET, secret_assignments
from aura_logging.privacy.catalogue import DETECTORS
from aura_logging.privacy.detector import Detector
from aura_logging.privacy.engine import Engine
from aura_logging.privacy.field_names import SecretNames
from aura_logging.privacy.findings import Finding, settle
from aura_logging.privacy.patterns import patterns_from_settings
from aura_logging.privacy.reading import plain_reading
from aura_logging.privacy.replacements import Replacements
from aura_logging.privacy.structures import StructureScrubber

__all__ = ["Scrubber"]

_SHORTEST_VALUE = 5  # "a=b" and the like; the shortest thing any detector finds is longer


class Scrubber:
    """Find personal data and secrets, and write something harmless instead.

        >>> text, findings = Scrubber().scrub("card 4111 1111 1111 1111 declined")
        >>> text
        'card [REDACTED:credit_card] declined'
        >>> findings
        [Finding(detector='credit_card', start=5, end=24, path='')]

    Built once, used by any thread. `enable` and `disable` name built-in detectors (`ip_address`, `medical_record`
    and `us_mbi` wait to be enabled); `patterns` are your own: detectors made by
    `custom_pattern`, or a mapping of names to patterns as in settings. `replacement` is
    `redact`, `partial`, `pseudonym` or `drop`, and `replacements` chooses another per detector; pseudonyms need
    `pseudonym_key`. `secret_names` are names of fields whose values are secret, beyond those known;
    `allowed_names` are never taken for secret. Wrong options raise `OptionError`.
    """

    def __init__(
        self,
        *,
        enable: Collection[str] = (),
        disable: Collection[str] = (),
        patterns: Iterable[Detector] | Mapping[str, str | Mapping[str, Any]] = (),
        replacement: str = "redact",
        replacements: Mapping[str, str] | None = None,
        pseudonym_key: str | bytes | None = None,
        secret_names: Collection[str] = (),
        allowed_names: Collection[str] = (),
    ) -> None:
        _check_names("secret_names", secret_names)
        _check_names("allowed_names", allowed_names)
        self.names = SecretNames(denied=secret_names, allowed=allowed_names)
        self.engine = Engine(_chosen(enable, disable, _own(patterns), secret_assignments(self.names)))
        self._replacements = Replacements(self.engine.detectors, replacement, replacements, pseudonym_key)
        secret_is_on = any(detector.name == SECRET for detector in self.engine.detectors)
        self._structures = StructureScrubber(
            self._scrub_leaf, self.names.is_secret if secret_is_on else _never, self._replacements
        )

    def find(self, text: str, field: str = "") -> list[Finding]:
        """Return what is found in the text, in order, without overlaps.

        `field` is the name the text stands under, if any: `phone` before ten bare digits says what they are.
        """
        if len(text) < _SHORTEST_VALUE:
            return []
        claims = self._claims(text, field)
        reading = plain_reading(text)
        if reading is not None:
            for claim in self._claims(reading.text, field):
                start, end = reading.original((claim.start, claim.end))
                claims.append(Finding(claim.detector, start, end))
        return settle(claims)

    def _claims(self, text: str, field: str) -> list[Finding]:
        seen = text.encode("utf-8", "surrogatepass")
        if field:
            seen = b'"%s":"%s"' % (field.encode("utf-8", "surrogatepass"), seen)
        return [
            Finding(detector.name, start, end)
            for detector in self.engine.suspected(seen)
            for start, end in detector.find(text, field)
        ]

    def scrub(self, text: str, field: str = "") -> tuple[str, list[Finding]]:
        """Return the text with every finding replaced, and the findings; never raises for any text."""
        findings = self.find(text, field)
        if not findings:
            return text, findings
        pieces: list[str] = []
        position = 0
        for found in findings:
            pieces.append(text[position : found.start])
            pieces.append(self._replacements.write(found.detector, _read(text[found.start : found.end])))
            position = found.end
        pieces.append(text[position:])
        return "".join(pieces), findings

    def scrub_value(self, value: Any, field: str = "") -> tuple[Any, list[Finding]]:
        """Return a value of any shape with every finding replaced, and the findings; never raises.

        Nothing of the caller's is changed: what holds a finding is copied, everything else is the same object.
        A mapping or sequence stays one; an object whose text holds a finding becomes its scrubbed text.
        """
        return self._structures.scrub(value, field)

    def _scrub_leaf(self, text: str, field: str) -> tuple[str, list[Finding]]:
        return self.scrub(text, field)


def _read(value: str) -> str:
    """Return what a value means, so that it has one pseudonym however it was escaped."""
    reading = plain_reading(value)
    return value if reading is None else reading.text


def _own(patterns: Iterable[Detector] | Mapping[str, str | Mapping[str, Any]]) -> tuple[Detector, ...]:
    if isinstance(patterns, Mapping):
        return patterns_from_settings(patterns)
    detectors = tuple(patterns)
    for detector in detectors:
        if not isinstance(detector, Detector):
            raise OptionError(
                f"patterns holds {detector!r}; it must map names to patterns, or be detectors of custom_pattern."
            )
    return detectors


def _check_names(option: str, names: Collection[str]) -> None:
    if isinstance(names, str):
        raise OptionError(f"{option} is the string {names!r}; it must be a list of names.")
    for name in names:
        if not isinstance(name, str) or not any(map(str.isalnum, name)):
            raise OptionError(f"{option} holds {name!r}, which is no name.")


def _never(name: str) -> bool:
    return False


def _chosen(
    enable: Collection[str], disable: Collection[str], patterns: tuple[Detector, ...], secret: Detector
) -> tuple[Detector, ...]:
    known = {detector.name: detector for detector in (*DETECTORS, secret)}
    for option, names in (("enable", enable), ("disable", disable)):
        if isinstance(names, str):
            raise OptionError(f"{option} is the string {names!r}; it must be a list of detectors' names.")
        for name in names:
            if name not in known:
                raise OptionError(f"{option} names the unknown detector {name!r}. {nearest(name, known)}")
    own = [pattern.name for pattern in patterns]
    for name in own:
        if name in known or own.count(name) > 1:
            raise OptionError(f"The pattern name {name!r} is taken; give the pattern another.")
    # Before any looser detector sees it, a value belongs to the pattern that the project wrote for it.
    chosen = [*patterns, *(known[name] for name in known if name != SECRET), secret]
    return tuple(
        detector
        for detector in chosen
        if (detector.enabled or detector.name in enable) and detector.name not in disable
    )
