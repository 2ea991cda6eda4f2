"""Fill a feature's options from `settings.AURA` and the environment, knowing no option by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from aura_logging.options import OptionError, fill, nearest

__all__ = ["check_all", "declare", "made_of_options", "options"]

Options = TypeVar("Options")
Made = TypeVar("Made")

_declared: dict[str, type[Any]] = {}
_filled: dict[type[Any], Any] = {}
_made: dict[Callable[[], Any], Any] = {}


def declare(section: str, kind: type[Options]) -> None:
    """Say that `AURA[section]` fills this frozen options dataclass."""
    _declared[section] = kind


def options(kind: type[Options]) -> Options:
    """Return the options as the settings have them; `ImproperlyConfigured` names the key, the value and the fix.

    The same object until the settings change, as they do in tests (`override_settings`).
    """
    if kind not in _filled:
        section = _section_of(kind)
        try:
            _filled[kind] = fill(kind, _sections().get(section), where=f'AURA["{section}"]')
        except OptionError as error:
            raise ImproperlyConfigured(str(error)) from None
    filled: Options = _filled[kind]
    return filled


def made_of_options(make: Callable[[], Made]) -> Made:
    """Return what `make()` makes of the settings, `AURA` or others; the same object until one of them changes."""
    try:
        made: Made = _made[make]
    except KeyError:
        made = _made[make] = make()
    return made


def check_all() -> None:
    """Fill every section now, so that a bad setting stops the start and not the first request that needs it."""
    for section in _sections():
        if section not in _declared:
            raise ImproperlyConfigured(f"AURA has the unknown section {section!r}. {nearest(str(section), _declared)}")
    for kind in _declared.values():
        options(kind)


def _section_of(kind: type[Any]) -> str:
    for section, declared in _declared.items():
        if declared is kind:
            return section
    raise LookupError(f"{kind.__qualname__} fills no section of AURA; call declare() beside the class.")


def _sections() -> Mapping[str, Any]:
    given = getattr(settings, "AURA", None) or {}
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured(f"AURA is {given!r}; it must be a dict of sections, each a dict of options.")
    return given


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "AURA":
        _filled.clear()
    _made.clear()


setting_changed.connect(_forget, dispatch_uid="aura_logging.conf")
