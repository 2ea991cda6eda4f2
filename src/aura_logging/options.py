"""Fill a frozen options dataclass from a settings section and the environment, or say what is wrong.

A feature declares its own options; nothing here knows one by name:

    @dataclass(frozen=True, slots=True)
    class PerformanceOptions:
        slow_request_seconds: float = from_env("SLOW_REQUEST_THRESHOLD", 2.0)

The settings section wins over the environment, the environment over the default.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import types
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

__all__ = ["OptionError", "from_env", "fill", "nearest", "parse"]

Options = TypeVar("Options")

_TRUTH = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(("0", "false", "no", "off"), False)


class OptionError(ValueError):
    """A setting that cannot be used; the message names the key, the value and the fix."""


def from_env(variable: str, default: Any) -> Any:
    """Declare a dataclass field whose default may come from an environment variable."""
    return dataclasses.field(default=default, metadata={"env": variable})


def nearest(wrong: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the name most like the wrong one, or lists what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(wrong.lower(), [name.lower() for name in names], n=1, cutoff=0.6)
    if close:
        match = next(name for name in names if name.lower() == close[0])
        return f"Did you mean {match!r}?"
    return f"Known: {', '.join(names)}." if names else "None is known."


def parse(text: str, kind: Any, source: str) -> Any:
    """Turn an environment variable's text into `kind`; `source` is its name, for the error.

    Knows bool (1/0, true/false, yes/no, on/off), int, float, str, and a tuple of str (comma-separated).
    """
    kind = _without_none(kind)
    try:
        if kind is bool:
            return _TRUTH[text.strip().lower()]
        if kind in (int, float):
            return _number(kind(text))
    except (KeyError, ValueError):
        raise OptionError(f"{source}={text!r} is not {_kind_in_words(kind)}; set it to one or unset it.") from None
    if get_origin(kind) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def fill(
    options: type[Options],
    section: Mapping[str, Any] | None = None,
    *,
    where: str,
    environ: Mapping[str, str] = os.environ,
) -> Options:
    """Build `options` from a settings section; `where` names the section in errors, as in `AURA["CONTEXT"]`.

    Raises `OptionError` for an unknown key, a value of another type, and an environment value that does not
    parse. A dataclass checks ranges itself in `__post_init__` by raising `ValueError`; the section is named
    in what the user sees.
    """
    if section is not None and not isinstance(section, Mapping):
        raise OptionError(f"{where} is {section!r}; it must be a dict of options.")
    given = dict(section or {})
    hints = get_type_hints(options)
    fields = {f.name: f for f in dataclasses.fields(options) if f.init}  # type: ignore[arg-type]  # a dataclass
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in fields:
            raise OptionError(f"{where} has the unknown key {key!r}. {nearest(str(key), fields)}")
        values[key] = _checked(value, hints[key], f"{where}[{key!r}]")
    from_variables: dict[str, str] = {}
    for name, declared in fields.items():
        variable = declared.metadata.get("env")
        if name not in values and variable is not None and environ.get(variable, "") != "":
            values[name] = parse(environ[variable], hints[name], variable)
            from_variables[name] = variable
    try:
        return options(**values)
    except ValueError as error:
        variables = [variable for name, variable in from_variables.items() if name in str(error)]
        raise OptionError(f"{', '.join([*variables, where])}: {error}") from error


def _checked(value: Any, kind: Any, source: str) -> Any:
    if value is None and type(None) in get_args(kind):
        return None
    kind = _without_none(kind)
    origin = get_origin(kind)
    if origin is tuple and isinstance(value, (list, tuple, set, frozenset)):
        return tuple(_checked_item(item, get_args(kind)[0], source) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is float and isinstance(value, float) and math.isnan(value):
        raise OptionError(f"{source} is {value!r}; it must be a number.")
    plain = origin or kind
    if isinstance(plain, type):
        wrong_bool = isinstance(value, bool) and plain in (int, float)
        if wrong_bool or not isinstance(value, plain):
            raise OptionError(f"{source} is {value!r}; it must be {_kind_in_words(kind)}.")
    return value


def _checked_item(item: Any, kind: Any, source: str) -> Any:
    try:
        return _checked(item, kind, source)
    except OptionError:
        raise OptionError(f"{source} has {item!r} in it; each item must be {_kind_in_words(kind)}.") from None


def _number(number: float) -> float:
    if number != number:  # NaN is neither above nor below any bound that might be checked later
        raise ValueError("not a number")
    return number


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        rest = [part for part in get_args(kind) if part is not type(None)]
        return rest[0] if len(rest) == 1 else object
    return kind


_WORDS: Mapping[Any, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}


def _kind_in_words(kind: Any) -> str:
    if kind in _WORDS:
        return _WORDS[kind]
    if get_origin(kind) is tuple:
        return "a list"
    if (get_origin(kind) or kind) in (dict, Mapping, Collection):
        return "a dict"
    return f"a {getattr(kind, '__name__', kind)}"
