"""Say, in a settings section, what counts as private and what is written instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from aura_logging.privacy.scrubber import Scrubber

__all__ = ["PrivacyOptions"]


@dataclass(frozen=True, slots=True)
class PrivacyOptions:
    """`AURA["PRIVACY"]`: the options of a `Scrubber`, under the same names and with the same meaning."""

    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    patterns: Mapping[str, Any] = field(default_factory=dict)
    replacement: str = "redact"
    replacements: Mapping[str, str] = field(default_factory=dict)
    pseudonym_key: str | None = None
    secret_names: tuple[str, ...] = ()
    allowed_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.is_default:
            self.scrubber()

    @property
    def is_default(self) -> bool:
        """Whether nothing was chosen."""
        return not any(value for name, value in asdict(self).items() if name != "replacement") and (
            self.replacement == "redact"
        )

    def scrubber(self) -> Scrubber:
        """Return a scrubber with these options; `OptionError` names what is wrong with them."""
        return Scrubber(**{**asdict(self), "replacements": dict(self.replacements) or None})
