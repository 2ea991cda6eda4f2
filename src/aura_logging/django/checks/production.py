"""Go through what a site needs in production: who is told, what is kept, who may read it."""

from __future__ import annotations

import importlib.util
import logging
import logging.handlers
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.urls import NoReverseMatch, reverse

from aura_logging.alerts import AlertOptions
from aura_logging.diagnostics.machine import our_directories
from aura_logging.diagnostics.report import Recommendation
from aura_logging.diagnostics.topology import HandlerNode, Topology, file_of, kind_of, read_topology, sends_away_to
from aura_logging.django.conf import options
from aura_logging.django.mail_server import mail_backend, mail_setting
from aura_logging.django.metrics_store import store_of_settings
from aura_logging.handlers.files import StructuredFileHandler
from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.handlers.request_buffer import RequestBuffer
from aura_logging.health import Status
from aura_logging.integrations import sentry
from aura_logging.metrics.extraction import ALERTS_LOGGER
from aura_logging.metrics.stores.base import StoreError
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.performance.probe import PerformanceOptions

__all__ = ["PRODUCTION_CHECKS"]

_ADMIN_MAIL = "django.utils.log.AdminEmailHandler"
_MAIL_TO_NOBODY = ("console", "dummy", "locmem", "filebased")
_LONGEST_SLOW_SECONDS = 30.0
_MOST_QUERIES = 500


def nothing_is_at_debug() -> Iterator[Recommendation]:
    """The development preset, or a logger left at DEBUG: volume, and SQL with its parameters."""
    topology = read_topology()
    for each in topology.loggers:
        level = each.logger.level
        if any(isinstance(node.handler, RequestBuffer) for node in topology.reached_from(each.name)):
            continue  # it holds them back until a request goes wrong
        is_root = each.logger is logging.getLogger()
        if (0 < level <= logging.DEBUG) or (is_root and level == logging.NOTSET):
            name = each.logger.name
            setting = 'LOGGING["root"]["level"]' if is_root else f'LOGGING["loggers"]["{name}"]["level"]'
            preset = " It looks like presets.development()." if is_root else ""
            yield _warning(
                "aura.W101",
                name,
                f"it is at {logging.getLevelName(level)}: everything is written.{preset}",
                "Set it to INFO, or use presets.production().",
                setting,
                '"INFO"',
            )


def errors_reach_sentry() -> Iterator[Recommendation]:
    """SENTRY_DSN is set and the SDK was not started, or the SDK is there and no DSN is set."""
    dsn = os.environ.get("SENTRY_DSN", "")
    if sentry.is_scrubbed() is not None:
        return
    if dsn:
        yield _warning(
            "aura.W102",
            "SENTRY_DSN",
            "it is set, and Sentry's SDK was not started: no error reaches it.",
            "Call aura_logging.integrations.sentry.init_from_env() in the settings.",
        )
    elif importlib.util.find_spec("sentry_sdk") is not None:
        yield _warning(
            "aura.W103",
            "SENTRY_DSN",
            "Sentry's SDK is installed, and no DSN is set: no error reaches it.",
            "Set SENTRY_DSN to the project's DSN, or uninstall sentry-sdk.",
            "SENTRY_DSN",
            "https://<key>@<host>/<project>",
        )


def logs_are_for_few() -> Iterator[Recommendation]:
    """Directories and files of logs that everybody may read or write."""
    topology = read_topology()
    paths = dict.fromkeys([*our_directories(topology), *_files(topology)])
    for path in paths:
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        if stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
            continue
        others = "write in" if mode & stat.S_IWOTH else "read" if mode & stat.S_IROTH else ""
        if others and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
            yield _warning(
                "aura.W104",
                str(path),
                f"everybody on this host may {others} it (mode {stat.S_IMODE(mode):o}).",
                f"chmod {'750' if stat.S_ISDIR(mode) else '640'} {path}",
            )


def the_store_answers() -> Iterator[Recommendation]:
    """Redis, or whatever counts are kept in, is there, and is not one process's own."""
    store = store_of_settings()
    if isinstance(store, MemoryStore):
        yield _warning(
            "aura.W106",
            'AURA["METRICS"]["store"]',
            "counts are kept in each process's memory: no worker knows of another, and a restart forgets them.",
            "Use the default, a SQLite file, on one host; Redis for several.",
            'AURA["METRICS"]["store"]',
            '"redis://host:6379/0"',
        )
        return
    try:
        store.published()
    except StoreError as error:
        yield _warning(
            "aura.W105",
            'AURA["METRICS"]["store"]',
            f"the store of metrics does not answer: {error}",
            "Start it, or mend the URL (REDIS_URL, or the setting).",
            'AURA["METRICS"]["store"]',
            '"redis://host:6379/0"',
        )


def mail_reaches_somebody() -> Iterator[Recommendation]:
    """A handler that mails ADMINS: there are some, by a backend that sends, from an address of one's own."""
    mails = [each for each in read_topology().handlers if kind_of(each.handler) == _ADMIN_MAIL]
    if not mails:
        return
    backend = mail_backend().rpartition(".")[0].rpartition(".")[2]
    if not settings.ADMINS:
        yield _warning(
            "aura.W107",
            "ADMINS",
            f"it is empty, and {mails[0].name} mails to it: nobody is told.",
            "Name somebody.",
            "ADMINS",
            '[("On call", "oncall@example.com")]',
        )
    elif backend in _MAIL_TO_NOBODY:
        yield _warning(
            "aura.W108",
            mail_setting(),
            f"{mail_backend()} sends nothing: nobody is told.",
            "Use a backend that sends.",
            mail_setting(),
            '"django.core.mail.backends.smtp.EmailBackend"',
        )


def thresholds_make_sense() -> Iterator[Recommendation]:
    """A request that is called slow and the alert about slow requests agree, and either can be reached."""
    performance, alerts = options(PerformanceOptions), options(AlertOptions)
    pairs = (
        ("slow_request_seconds", performance.slow_request_seconds, alerts.slow_request_seconds, _LONGEST_SLOW_SECONDS),
        ("max_queries", performance.max_queries, alerts.max_queries, _MOST_QUERIES),
    )
    for name, measured, alerted, most in pairs:
        if measured != alerted:
            problem = f"it is {alerted:g}, and {measured:g} in PERFORMANCE: lines and alerts disagree about the same."
        elif measured > most:
            problem = f"it is {measured:g}: no request will ever be told."
        else:
            continue
        yield _warning(
            "aura.W109",
            f'AURA["ALERTS"]["{name}"]',
            problem,
            "Set both to what your users bear.",
            f'AURA["ALERTS"]["{name}"]',
            f"{min(measured, most):g}",
        )


def files_do_not_grow_for_ever() -> Iterator[Recommendation]:
    """Files that nothing rotates, and segments that nothing removes."""
    for node in read_topology().handlers:
        problem, option, value = _grows(node)
        if problem:
            setting = f'LOGGING["handlers"]["{node.name}"]["{option}"]' if node.handler.name else ""
            advice = "Limit it, to what your retention rules ask for."
            yield _warning("aura.W110", node.name, problem, advice, setting, value if setting else "")


def somebody_can_look() -> Iterator[Recommendation]:
    """The dashboard, /aura/metrics and /aura/health are served."""
    try:
        reverse("aura:metrics")
    except NoReverseMatch:
        yield _warning(
            "aura.W111",
            "ROOT_URLCONF",
            "/aura/ is not served: no dashboard, no scrape, no probe.",
            'Add path("aura/", include("aura_logging.django.urls")) to it.',
        )


def alerts_are_evaluated_and_heard() -> Iterator[Recommendation]:
    """Rules, and a handler that tells a person."""
    topology = read_topology()
    metrics = [each.handler for each in topology.handlers if isinstance(each.handler, MetricsHandler)]
    if not any(each.rules for each in metrics):
        yield _warning(
            "aura.W112",
            "LOGGING",
            "no alert rule is evaluated: nobody is told of errors, slowness or threats.",
            "Let the metrics handler evaluate the standard rules.",
            'LOGGING["handlers"]["metrics"]["alerts"]',
            "True",
        )
        return
    ends = [end for node in topology.reached_from(ALERTS_LOGGER) for end in topology.chain(node) if not end.inner]
    if not any(sends_away_to(end.handler) or _is_a_strangers(end) for end in ends):
        yield _warning(
            "aura.W113",
            ALERTS_LOGGER,
            "alerts are only written to files and streams: nobody is told.",
            "Give this logger a handler that tells a person.",
            'LOGGING["loggers"]["aura.alerts"]["handlers"]',
            '["critical_alerts"]',
        )


PRODUCTION_CHECKS: tuple[Callable[[], Iterator[Recommendation]], ...] = (
    nothing_is_at_debug,
    errors_reach_sentry,
    logs_are_for_few,
    the_store_answers,
    mail_reaches_somebody,
    thresholds_make_sense,
    files_do_not_grow_for_ever,
    somebody_can_look,
    alerts_are_evaluated_and_heard,
)


def _warning(code: str, about: str, problem: str, advice: str, setting: str = "", value: str = "") -> Recommendation:
    return Recommendation(code, Status.DEGRADED, about, problem, advice, setting, value)


def _files(topology: Topology) -> Iterator[Path]:
    for node in topology.handlers:
        path = file_of(node.handler)
        if path is not None:
            yield path


def _grows(node: HandlerNode) -> tuple[str, str, str]:
    """Return why the handler's files grow without limit, which option limits them, and to what."""
    handler = node.handler
    if isinstance(handler, StructuredFileHandler):
        if handler.is_bounded or str(handler.path).startswith("/dev/"):
            return "", "", ""
        return "its closed segments are never removed.", "backup_count", "20"
    if type(handler) is logging.FileHandler and not str(handler.baseFilename).startswith("/dev/"):
        kind = "aura_logging.handlers.StructuredFileHandler"
        return f"nothing rotates {handler.baseFilename}: it grows until the disk is full.", "class", f'"{kind}"'
    is_rotating = isinstance(handler, (logging.handlers.RotatingFileHandler, logging.handlers.TimedRotatingFileHandler))
    if is_rotating and not getattr(handler, "backupCount", 1):
        return "its old files are never removed, or it never rotates.", "backupCount", "20"
    return "", "", ""


def _is_a_strangers(node: HandlerNode) -> bool:
    """Tell whether it is a handler of somebody else's, who may well tell a person."""
    return not type(node.handler).__module__.startswith(("logging", "aura_logging."))
