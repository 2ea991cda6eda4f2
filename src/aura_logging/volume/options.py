"""The options of sampling, and what they say about one logger, level and route."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from aura_logging import levels
from aura_logging.options import OptionError, fill, nearest
from aura_logging.volume.circuits import CircuitOptions
from aura_logging.volume.shedding import ShedOptions
from aura_logging.volume.storms import FoldOptions

__all__ = ["DEFAULT_RATES", "Limits", "Rule", "SamplingOptions"]

DEFAULT_RATES: Mapping[str, float] = {"DEBUG": 0.1, "INFO": 0.5}


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for the records of a logger and those below it, of one level, of some routes; what it does not say,
    the options say. `route` may have the wildcards of `fnmatch`.
    """

    logger: str | None = None
    level: str | None = None
    route: str | None = None
    rate: float | None = None
    target_per_second: float | None = None
    limit_per_second: float | None = None
    burst: int | None = None

    def __post_init__(self) -> None:
        if self.level is not None:
            _checked_level(self.level, "level")
            if self.level_number >= logging.ERROR:
                raise ValueError(f"level={self.level!r}: ERROR and above are always kept; a rule cannot be about them.")
        if self.rate is not None and not 0 <= self.rate <= 1:
            raise ValueError(f"rate={self.rate!r} must be a number from 0 to 1.")
        _check_positive(
            target_per_second=self.target_per_second, limit_per_second=self.limit_per_second, burst=self.burst
        )
        if all(value is None for value in (self.rate, self.target_per_second, self.limit_per_second, self.burst)):
            raise ValueError("it says nothing; give a rate, a target_per_second, a limit_per_second or a burst.")

    @property
    def level_number(self) -> int:
        """The level's number; 0 for any."""
        return levels.level_number(self.level) or 0

    def concerns(self, logger: str, level: int) -> bool:
        """Tell whether it may be about records of this logger and level."""
        is_below = self.logger is None or logger == self.logger or logger.startswith(f"{self.logger}.")
        return is_below and self.level_number in (0, level)

    def is_about(self, route: object) -> bool:
        """Tell whether it is about this route."""
        return self.route is None or (isinstance(route, str) and fnmatchcase(route, self.route))


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for one logger and level, or for some routes of them."""

    rate: float
    target_per_second: float | None
    limit_per_second: float | None
    burst: int


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """How much is written; every limit but the rates may be switched off with `None`.

    `rates` is the share to keep by level name; a level that is not named is kept whole. `rules` are mappings of
    `Rule`'s fields; the first that is about a record holds for it. `target_per_second` lowers the rate of a logger
    and level while more than that would be kept. `limit_per_second`, with `burst`, is a hard limit for each logger
    and level below ERROR.

    Of records from WARNING on that say the same, `fold_after` are written in `fold_window_seconds`, then every
    `fold_every`-th, then their number. A logger that logs more than `circuit_records_per_second`, or
    `circuit_errors_per_second` (off by default: what stands around errors explains them), is silent below ERROR for
    `circuit_seconds`. While all processors are busy to `shed_at_cpu_percent`, DEBUG is not written, and to
    `shed_info_at_cpu_percent` (off by default: a host that calculates is busy for a living) INFO neither; while a
    buffer is filled to `shed_at_buffer_fill`, first DEBUG, then INFO.
    """

    rates: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_RATES))
    rules: tuple[Mapping[str, Any], ...] = ()
    target_per_second: float | None = None
    limit_per_second: float | None = 1_000.0
    burst: int = 5_000
    fold_after: int | None = 500
    fold_every: int = 1_000
    fold_window_seconds: float = 10.0
    circuit_records_per_second: float | None = 10_000.0
    circuit_errors_per_second: float | None = None
    circuit_seconds: float = 10.0
    shed_at_cpu_percent: float | None = 97.0
    shed_info_at_cpu_percent: float | None = None
    shed_at_buffer_fill: float | None = 0.8
    parsed_rates: Mapping[int, float] = field(init=False, repr=False, compare=False)
    parsed_rules: tuple[Rule, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parsed_rates", _parsed_rates(self.rates))
        parsed = tuple(fill(Rule, rule, where=f"rules[{number}]") for number, rule in enumerate(self.rules))
        object.__setattr__(self, "parsed_rules", parsed)
        _check_positive(
            target_per_second=self.target_per_second,
            limit_per_second=self.limit_per_second,
            burst=self.burst,
            fold_after=self.fold_after,
            fold_window_seconds=self.fold_window_seconds,
            circuit_records_per_second=self.circuit_records_per_second,
            circuit_errors_per_second=self.circuit_errors_per_second,
            circuit_seconds=self.circuit_seconds,
            shed_at_cpu_percent=self.shed_at_cpu_percent,
            shed_info_at_cpu_percent=self.shed_info_at_cpu_percent,
            shed_at_buffer_fill=self.shed_at_buffer_fill,
        )
        if self.fold_every < 2:
            raise ValueError(f"fold_every={self.fold_every!r} must be 2 or more; fold_after=None folds nothing.")
        if self.shed_at_buffer_fill is not None and self.shed_at_buffer_fill > 1:
            raise ValueError(f"shed_at_buffer_fill={self.shed_at_buffer_fill!r} is a share, over 0 to 1.")

    @property
    def is_default(self) -> bool:
        """Whether nothing was chosen: such a filter takes what the project's settings say."""
        return self == SamplingOptions()

    @property
    def fold(self) -> FoldOptions | None:
        """How storms are folded; `None` if they are not."""
        if self.fold_after is None:
            return None
        return FoldOptions(self.fold_after, self.fold_every, self.fold_window_seconds)

    @property
    def circuit(self) -> CircuitOptions | None:
        """When a logger is silenced; `None` if none is."""
        if self.circuit_records_per_second is None and self.circuit_errors_per_second is None:
            return None
        return CircuitOptions(self.circuit_records_per_second, self.circuit_errors_per_second, self.circuit_seconds)

    @property
    def shed(self) -> ShedOptions:
        """When levels are shed."""
        return ShedOptions(self.shed_at_cpu_percent, self.shed_info_at_cpu_percent, self.shed_at_buffer_fill)

    def rules_for(self, logger: str, level: int) -> tuple[Rule, ...]:
        """Return the rules that may be about records of this logger and level, up to the first that is in any case."""
        found: list[Rule] = []
        for rule in self.parsed_rules:
            if rule.concerns(logger, level):
                found.append(rule)
                if rule.route is None:
                    break
        return tuple(found)

    def limits(self, level: int, rule: Rule | None = None) -> Limits:
        """Return what holds for a level, by a rule if there is one."""
        mine = dataclasses.asdict(rule) if rule is not None else {}

        def chosen(name: str, otherwise: Any) -> Any:
            return otherwise if mine.get(name) is None else mine[name]

        return Limits(
            rate=float(chosen("rate", self.parsed_rates.get(level, 1.0))),
            target_per_second=chosen("target_per_second", self.target_per_second),
            limit_per_second=chosen("limit_per_second", self.limit_per_second),
            burst=chosen("burst", self.burst),
        )


def _parsed_rates(rates: Mapping[str, float]) -> Mapping[int, float]:
    if not isinstance(rates, Mapping):
        raise OptionError(f"rates is {rates!r}; it must be a dict of shares by level name.")
    parsed: dict[int, float] = {}
    for level, rate in rates.items():
        number = _checked_level(level, "rates")
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise OptionError(f"rates[{level!r}] is {rate!r}; it must be a number from 0 to 1.")
        if number >= logging.ERROR and rate != 1:
            raise OptionError(f"rates[{level!r}] is {rate!r}; ERROR and above are always kept: leave it out.")
        parsed[number] = float(rate)
    return parsed


def _checked_level(level: object, where: str) -> int:
    number = levels.level_number(level) if isinstance(level, str) else None
    if number is None:
        raise OptionError(f"{where} has the unknown level {level!r}. {nearest(str(level), levels.level_names())}")
    return number


def _check_positive(**numbers: float | None) -> None:
    for name, number in numbers.items():
        if number is not None and not 0 < number < float("inf"):
            raise ValueError(f"{name}={number!r} must be a number over 0.")
