"""Read from the live loggers what `LOGGING` really came to: who hands records to whom, through which filters."""

from __future__ import annotations

import logging
import logging.handlers
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aura_logging.diagnostics.report import LoggerState
from aura_logging.handlers.failover import FailoverHandler
from aura_logging.handlers.files import StructuredFileHandler
from aura_logging.handlers.live import named_live_handlers
from aura_logging.handlers.wrapping import directly_wrapped

_LOGGERS_OF_THEIR_OWN = ("sentry_sdk",)
"""Loggers that a library configures for itself, whatever LOGGING says."""

__all__ = [
    "HandlerNode",
    "LoggerNode",
    "Topology",
    "file_of",
    "kind_of",
    "posts_to",
    "read_topology",
    "sends_away_to",
]


@dataclass(frozen=True, slots=True)
class HandlerNode:
    """A handler, what it is called, and what it hands records on to."""

    name: str
    behind: str
    inner: tuple[str, ...]
    handler: logging.Handler = field(repr=False)

    @property
    def filters(self) -> Sequence[object]:
        """What a record passes on the way in."""
        return self.handler.filters


@dataclass(frozen=True, slots=True)
class LoggerNode:
    """A logger that is configured: with handlers, a level, filters, or without propagation."""

    name: str
    handlers: tuple[str, ...]
    logger: logging.Logger = field(repr=False)

    def as_state(self) -> LoggerState:
        """Return what a report shows of it."""
        level = logging.getLevelName(self.logger.level)
        return LoggerState(self.name, str(level), self.logger.propagate, self.handlers)


@dataclass(frozen=True, slots=True)
class Topology:
    """All of it; loggers by name with the root first, handlers in the order in which loggers name them."""

    loggers: tuple[LoggerNode, ...]
    handlers: tuple[HandlerNode, ...]

    def named(self, name: str) -> HandlerNode:
        """Return the handler of this name; `KeyError` if there is none."""
        for each in self.handlers:
            if each.name == name:
                return each
        raise KeyError(name)

    def reached_from(self, logger: str) -> list[HandlerNode]:
        """Return the handlers that a record on this logger comes to, its own first."""
        found: list[HandlerNode] = []
        current: logging.Logger | None = logging.getLogger(logger)
        by_id = {id(each.handler): each for each in self.handlers}
        while current is not None:
            found += [by_id[id(handler)] for handler in current.handlers if id(handler) in by_id]
            current = current.parent if current.propagate else None
        return found

    def chain(self, node: HandlerNode) -> Iterator[HandlerNode]:
        """Yield the handler and all those that it hands records on to."""
        yield node
        for name in node.inner:
            yield from self.chain(self.named(name))

    def usual_chain(self, node: HandlerNode) -> Iterator[HandlerNode]:
        """Yield the handlers that a record comes to while all are well: not those that stand by behind a failover."""
        yield node
        stands_by = isinstance(node.handler, FailoverHandler) and not node.handler.is_round_robin
        for name in node.inner[:1] if stands_by else node.inner:
            yield from self.usual_chain(self.named(name))

    def above(self, node: HandlerNode) -> list[HandlerNode]:
        """Return the handlers that a record has passed when it comes to this one, the first first, and it."""
        passed = [node]
        while passed[0].behind:
            passed.insert(0, self.named(passed[0].behind))
        return passed

    def loggers_of(self, node: HandlerNode) -> list[LoggerNode]:
        """Return the loggers that know the handler, or one in front of it."""
        first = self.above(node)[0].name
        return [each for each in self.loggers if first in each.handlers]


def read_topology() -> Topology:
    """Return the loggers and handlers of this process, now."""
    live = named_live_handlers()
    names = {id(each.handler): each.name for each in live}
    handlers = tuple(
        HandlerNode(
            each.name,
            each.behind,
            tuple(names[id(inner)] for inner in directly_wrapped(each.handler) if id(inner) in names),
            each.handler,
        )
        for each in live
    )
    root = logging.getLogger()
    known = sorted(dict(root.manager.loggerDict).items())
    loggers = [root, *(each for _, each in known if isinstance(each, logging.Logger))]
    return Topology(
        tuple(
            LoggerNode(each.name, tuple(names[id(h)] for h in each.handlers if id(h) in names), each)
            for each in loggers
            if (each is root or each.handlers or each.level or each.filters or not each.propagate)
            and not each.name.startswith(_LOGGERS_OF_THEIR_OWN)
        ),
        handlers,
    )


def kind_of(handler: logging.Handler) -> str:
    """Return a handler's class with its module."""
    return f"{type(handler).__module__}.{type(handler).__qualname__}"


def file_of(handler: logging.Handler) -> Path | None:
    """Return the file that a handler writes, if it is one that writes a file."""
    if isinstance(handler, StructuredFileHandler):
        return handler.path
    return Path(handler.baseFilename) if isinstance(handler, logging.FileHandler) else None


_VENDORS = (
    "aws_", "azure", "datadog", "ecs_", "elastic", "fluent", "google.cloud", "graypy", "logdna", "loggly", "logstash",
    "logtail", "loki", "opentelemetry", "raven", "rollbar", "sentry_sdk", "slack", "splunk", "telegram", "watchtower",
)  # fmt: skip
"""How the modules begin whose handlers send records to a vendor or another host."""


def posts_to(handler: logging.Handler) -> tuple[str, int] | None:
    """Return the server of a handler that posts each record over HTTP, or mails it, itself; None for others."""
    if isinstance(handler, logging.handlers.SMTPHandler):
        return str(handler.mailhost), int(handler.mailport or 25)
    if isinstance(handler, logging.handlers.HTTPHandler):
        host, _, port = handler.host.partition(":")
        return host, int(port or (443 if handler.secure else 80))
    server: tuple[str, int] | None = getattr(handler, "server", None)  # the sending half of a WebhookHandler
    return server if kind_of(handler).startswith("aura_logging.handlers.webhook.") else None


def sends_away_to(handler: logging.Handler) -> str:
    """Return in words where a handler sends records if that is not this host; empty if it is, or is not known."""
    if isinstance(handler, logging.handlers.SMTPHandler):
        return f"mail through {handler.mailhost}"
    if isinstance(handler, logging.handlers.SysLogHandler):
        return "" if isinstance(handler.address, str) or _is_here(handler.address[0]) else f"syslog {handler.address}"
    if isinstance(handler, logging.handlers.SocketHandler):
        return "" if handler.port is None or _is_here(handler.host) else f"{handler.host}:{handler.port}"
    server = posts_to(handler)
    if server is not None:
        return f"http to {server[0]}"
    kind = kind_of(handler)
    if kind == "django.utils.log.AdminEmailHandler":
        return "mail to ADMINS"
    return f"another host ({kind})" if kind.lower().startswith(_VENDORS) else ""


def _is_here(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1", "")
