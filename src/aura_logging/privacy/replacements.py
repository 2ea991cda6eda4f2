"""Write something harmless in a value's place: a marker, its last digits, a pseudonym, or nothing."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from typing import Final

from aura_logging.options import OptionError, nearest
from aura_logging.privacy.detector import Detector

__all__ = ["MARKER", "Replacements", "STYLES", "marker"]

STYLES: Final = ("redact", "partial", "pseudonym", "drop")

MARKER = re.compile(r"\[REDACTED:[A-Za-z0-9_:]{1,80}\]|\[[a-z][a-z0-9_]{0,63}:[0-9a-f]{16}\]")
"""What we write, so that it is not taken for a value when a text is scrubbed again."""

_PSEUDONYM_HEX_DIGITS = 16  # 64 bits: among a million values, two share one with a chance of 3 in 100,000,000


def marker(detector: str) -> str:
    """Return what stands in a value's place by default; it says what was there and nothing of it."""
    return f"[REDACTED:{detector}]"


class Replacements:
    """Decide per detector what is written instead of a value.

    * `redact`: `[REDACTED:credit_card]`.
    * `partial`: `************1111`; only where the detector says how many last characters may stay, else `redact`.
    * `pseudonym`: `[email:5f2d9c0b7a6e4d31]`, an HMAC-SHA256 under `key`: equal for equal values, so that lines can
      be joined without being read. Short values can be guessed by whoever has the key; keep it apart from the logs.
    * `drop`: nothing; in a mapping, the field goes as well.
    """

    def __init__(
        self,
        detectors: Collection[Detector],
        default: str = "redact",
        by_detector: Mapping[str, str] | None = None,
        key: str | bytes | None = None,
    ) -> None:
        chosen = dict(by_detector or {})
        self._detectors = {detector.name: detector for detector in detectors}
        for name, style in chosen.items():
            if name not in self._detectors:
                raise OptionError(f"replacements names the unknown detector {name!r}. {nearest(name, self._detectors)}")
            _check_style(style, f"replacements[{name!r}]")
        _check_style(default, "replacement")
        self._styles = {name: chosen.get(name, default) for name in self._detectors}
        if "pseudonym" in self._styles.values() and not key:
            raise OptionError("A pseudonym needs a key: set pseudonym_key to a long random secret of this project.")
        self._key = key.encode() if isinstance(key, str) else key or b""

    def drops(self, detector: str) -> bool:
        """Tell whether a field in which this detector finds something is to go as a whole."""
        return self._styles[detector] == "drop"

    def write(self, detector: str, value: str) -> str:
        """Return what to write instead of the value."""
        style = self._styles[detector]
        if style == "drop":
            return ""
        if style == "pseudonym":
            return self._pseudonym(detector, value)
        if style == "partial":
            return self._partial(detector, value)
        return marker(detector)

    def _pseudonym(self, detector: str, value: str) -> str:
        same = f"{detector}\0{self._detectors[detector].normalise(value)}".encode("utf-8", "surrogatepass")
        digest = hmac.new(self._key, same, hashlib.sha256).hexdigest()
        return f"[{detector}:{digest[:_PSEUDONYM_HEX_DIGITS]}]"

    def _partial(self, detector: str, value: str) -> str:
        known = self._detectors[detector]
        plain = known.normalise(value)
        if not known.keep_last or len(plain) < 2 * known.keep_last:
            return marker(detector)
        return "*" * (len(plain) - known.keep_last) + plain[-known.keep_last :]


def _check_style(style: str, where: str) -> None:
    if style not in STYLES:
        raise OptionError(f"{where} is {style!r}. {nearest(str(style), STYLES)}")
