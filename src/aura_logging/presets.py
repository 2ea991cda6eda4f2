"""Return whole LOGGING dicts for production, development and tests: plain data, nothing hidden.

    LOGGING = presets.production(service_name="shop")
    LOGGING["handlers"]["async_file"]["buffer_size"] = 500

Every preset has the same handlers, filters and formatters; they differ in what is attached where.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aura_logging.alerts import AlertOptions
from aura_logging.levels import level_names, level_number
from aura_logging.metrics.stores import check_url
from aura_logging.options import OptionError, fill, from_env, nearest

__all__ = ["PresetOptions", "development", "production", "testing"]

LoggingDict = dict[str, Any]

# The owner works here, the group may read (a log shipper), nobody else may look in.
_DIRECTORY_MODE = 0o750


@dataclass(frozen=True, slots=True)
class PresetOptions:
    """What may be given to a preset.

    `log_dir` is where files go (environment `AURA_LOG_DIR`, else `logs`), `level` the root logger's level,
    `sample_rates` the share to keep by level name. `metrics_store` is a URL as for `aura_logging.metrics.open_store`: a
    Redis for a fleet, by default a SQLite file in `log_dir`. `request_buffer` has DEBUG records be made, held back, and
    written for the requests that failed only. The others are written on every line.
    """

    log_dir: str = from_env("AURA_LOG_DIR", "logs")
    level: str | None = None
    service_name: str = from_env("SERVICE_NAME", "aura")
    environment: str | None = from_env("ENVIRONMENT", None)
    version: str | None = from_env("VERSION", None)
    metrics_store: str | None = from_env("REDIS_URL", None)
    request_buffer: bool = False
    sample_rates: Mapping[str, float] = field(default_factory=lambda: {"DEBUG": 0.1, "INFO": 0.5})

    def __post_init__(self) -> None:
        if self.level is not None and level_number(self.level) is None:
            raise ValueError(f"level={self.level!r} is no level. {nearest(self.level.upper(), level_names())}")
        if self.metrics_store is not None:
            try:
                check_url(self.metrics_store)
            except OptionError as error:
                raise ValueError(f"metrics_store: {error}") from error


def production(**options: Any) -> LoggingDict:
    """JSON lines in `log_dir/app.jsonl`, scrubbed, delivered by a thread; warnings on standard error as well.

    Records are sampled (DEBUG 10 %, INFO 50 %, the rest whole), rotated at 64 MiB, 20 segments kept. A journal in
    `log_dir/journal` keeps what a killed process had not yet delivered. Metrics count before sampling. What is
    logged on `aura.security` and `django.security` also goes to `security.jsonl`, at once and unsampled. CRITICAL
    goes to `ADMINS` by e-mail in a Django project, five mails and a digest in five minutes at most; elsewhere attach
    `critical_alerts` to what should be told.

    Makes `log_dir` if it is not there. `OptionError` names an option that is unknown or of the wrong type, a
    value in the environment that does not parse, and a directory that cannot be written to.
    """
    chosen = _options("production", options)
    _prepare(chosen.log_dir)
    config = _base(chosen)
    config["root"] = {"level": chosen.level or "INFO", "handlers": ["metrics", "async_file", "console"]}
    if _is_django():
        config["root"]["handlers"].append("critical_alerts")
    config["handlers"]["async_file"]["filters"] = ["request_context", "sampling", "security"]
    config["handlers"]["async_file"]["journal"] = str(Path(chosen.log_dir) / "journal")
    config["handlers"]["console"]["level"] = "WARNING"
    if chosen.request_buffer:
        _put_request_buffer_in_front(config, chosen)
    return config


def development(**options: Any) -> LoggingDict:
    """Readable lines on standard error, coloured on a terminal; everything is kept, in `log_dir` too.

    SQL is logged on `django.db.backends`, by Django while `DEBUG` is on, else by `aura_logging.django` without values;
    to see it, set `LOGGING["loggers"]["django.db.backends"]["level"] = "DEBUG"`.
    """
    chosen = _options("development", options)
    _prepare(chosen.log_dir)
    config = _base(chosen)
    config["root"] = {"level": chosen.level or "DEBUG", "handlers": ["metrics", "console", "async_file"]}
    return config


def testing(**options: Any) -> LoggingDict:
    """Nothing on disk, no thread, no sampling: warnings on standard error, and records for pytest's `caplog`."""
    chosen = _options("testing", options)
    config = _base(chosen)
    config["root"] = {"level": chosen.level or "DEBUG", "handlers": ["console"]}
    config["handlers"]["console"]["level"] = "WARNING"
    config["handlers"]["metrics"] |= {"store": "memory://", "mirror": None}
    config["loggers"]["aura.security"]["handlers"] = []
    config["loggers"]["django.security"]["handlers"] = []
    return config


def _options(preset: str, given: Mapping[str, Any]) -> PresetOptions:
    plain = {key: os.fspath(value) if isinstance(value, os.PathLike) else value for key, value in given.items()}
    level = plain.get("level")
    if level is not None:
        number = level_number(level)
        # A number without a name is told as what was given; so is what is no level at all.
        plain["level"] = next((name for name in level_names() if level_number(name) == number), str(level))
    # The metrics handler will read these; what is wrong with them is said better here than from inside dictConfig.
    fill(AlertOptions, where=f"presets.{preset}()")
    return fill(PresetOptions, plain, where=f"presets.{preset}()")


def _base(options: PresetOptions) -> LoggingDict:
    safe = ["request_context", "security"]
    directory = Path(options.log_dir)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "aura_logging.formatters.JsonFormatter", "schema": "aura"},
            "console": {"()": "aura_logging.formatters.ConsoleFormatter"},
            "security": {"()": "aura_logging.formatters.JsonFormatter", "schema": "aura"},
        },
        "filters": {
            "request_context": {
                "()": "aura_logging.filters.RequestContextFilter",
                "service_name": options.service_name,
                "environment": options.environment,
                "version": options.version,
            },
            "security": {"()": "aura_logging.filters.SecurityFilter"},
            "threats": {"()": "aura_logging.filters.SecurityFilter", "scrub": False},
            "sampling": {"()": "aura_logging.filters.SamplingFilter", "rates": dict(options.sample_rates)},
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "console", "filters": list(safe)},
            "json": {
                "class": "aura_logging.handlers.StructuredFileHandler",
                "filename": str(directory / "app.jsonl"),
                "formatter": "json",
            },
            "failover": {
                "class": "aura_logging.handlers.FailoverHandler",
                "handlers": ["json", {"class": "logging.StreamHandler", "formatter": "json"}],
            },
            "async_file": {
                "class": "aura_logging.handlers.AsyncBufferedHandler",
                "target": "failover",
                "buffer_size": 1000,
                "flush_interval": 1.0,
                "filters": list(safe),
            },
            "security": {
                "class": "aura_logging.handlers.StructuredFileHandler",
                "filename": str(directory / "security.jsonl"),
                "formatter": "security",
                "filters": list(safe),
            },
            "metrics": {
                "class": "aura_logging.handlers.MetricsHandler",
                "store": options.metrics_store or f"sqlite:///{directory / 'aura-metrics.db'}",
                # SQLite has its own place for this, beside the database.
                "mirror": str(directory / "metrics-live") if _is_elsewhere(options.metrics_store) else None,
                "flush_interval": 5.0,
                "alerts": True,
                # No level: it counts what the others drop.
                "filters": ["request_context", "threats"],
            },
            "critical_alerts": {
                "class": "aura_logging.handlers.AsyncBufferedHandler",
                "target": {
                    "class": "aura_logging.handlers.ThrottleHandler",
                    "target": _alert_target(),
                    "at_most": 5,
                    "window_seconds": 300.0,
                },
                "buffer_size": 100,
                "level": "CRITICAL",
                "filters": list(safe),
            },
        },
        "loggers": {
            # Django's own handlers on these are replaced by the root logger's.
            "django": {"level": "INFO"},
            "django.server": {"level": "INFO", "handlers": [], "propagate": True},
            "django.db": {"level": "INFO"},
            "django.db.backends": {},  # for SQL: it has no level of its own, so that one set on `django.db` counts here
            "django.security": {"level": "INFO", "handlers": ["security"]},
            "aura": {"level": "INFO"},
            "aura.security": {"level": "INFO", "handlers": ["security"]},
        },
    }


def _put_request_buffer_in_front(config: LoggingDict, options: PresetOptions) -> None:
    config["handlers"]["request_buffer"] = {
        "class": "aura_logging.handlers.RequestBuffer",
        "target": "async_file",
        "outside": "discard",
        "journal": str(Path(options.log_dir) / "journal"),
        "filters": ["request_context", "security"],
    }
    handlers = config["root"]["handlers"]
    handlers[handlers.index("async_file")] = "request_buffer"
    config["root"]["level"] = options.level or "DEBUG"


def _is_elsewhere(metrics_store: str | None) -> bool:
    return metrics_store is not None and check_url(metrics_store)[0] not in ("memory", "sqlite")


def _alert_target() -> LoggingDict:
    if _is_django():
        return {"class": "django.utils.log.AdminEmailHandler"}
    return {"class": "logging.StreamHandler", "formatter": "console"}


def _is_django() -> bool:
    # manage.py, wsgi.py and asgi.py set the variable before settings, and so this dict, are read.
    return bool(os.environ.get("DJANGO_SETTINGS_MODULE"))


def _prepare(log_dir: str) -> None:
    """Make the directory and try to write in it, so that what is wrong shows at start-up and not at 3 a.m."""
    directory = Path(log_dir).absolute()
    try:
        # One by one: `mkdir(parents=True)` makes the parents with whatever mode the umask leaves.
        for each in (*reversed(directory.parents), directory):
            if not each.is_dir():
                each.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = getattr(error, "strerror", None) or error
        raise OptionError(
            f"log_dir={str(directory)!r} cannot be written to: {reason}. Make it writable for this process's user, or "
            "choose another with the log_dir option or AURA_LOG_DIR."
        ) from error
