"""Accept, mint and emit the ids that join log lines across services.

Header formats: W3C Trace Context, level 1 (`traceparent`, `tracestate`); `X-Request-ID` and `X-Correlation-ID`
by custom. A caller's id is used only where it is well formed: an id goes into log lines, response headers and
outgoing requests.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from aura_logging import context, units

__all__ = [
    "REQUEST_ID_HEADERS",
    "Trace",
    "accept",
    "emit",
    "is_valid_id",
    "mint_trace",
    "outgoing_headers",
    "unit_of_work",
]

REQUEST_ID_HEADERS = ("X-Request-ID", "X-Correlation-ID")
"""Where a caller's id is looked for when there is no `traceparent`, the first valid one winning."""

Mint = Callable[[int], str]

_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
# W3C: a platform should propagate at least 512 characters; more may be dropped whole.
_MAX_TRACESTATE = 512
_OUR_MEMBER = "aura"
_TRACESTATE = re.compile(r"[\x20-\x7e\t]+")


class Trace(NamedTuple):
    """Where one unit of work stands in a trace: hexadecimal ids as W3C writes them, our own span among them."""

    correlation_id: str
    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    flags: str = "00"
    state: str = ""

    def fields(self) -> dict[str, Any]:
        """Return what belongs on every record."""
        known: dict[str, Any] = {
            "correlation_id": self.correlation_id, "trace_id": self.trace_id, "span_id": self.span_id,
        }  # fmt: skip
        if self.parent_span_id is not None:
            known["parent_span_id"] = self.parent_span_id
        return known


def is_valid_id(text: str) -> bool:
    """Tell whether a caller's id may be used: 1 to 128 of letters, digits, `.`, `_` and `-`."""
    return _ID.fullmatch(text) is not None


def accept(
    header: Callable[[str], str | None],
    *,
    request_id_headers: tuple[str, ...] = REQUEST_ID_HEADERS,
    mint: Mint = secrets.token_hex,
) -> Trace:
    """Take over the caller's ids, or mint what it did not send or sent malformed; nothing malformed is kept.

    `header` returns a header's value by its name. With a `traceparent` the correlation id is the one that a service
    with this package sent along in `tracestate`, else the trace id; without, the first valid request id, else a new
    trace id. `mint(n)` returns `n` random bytes in hexadecimal.
    """
    parent = _parse_traceparent(header("traceparent"))
    if parent is not None:
        trace_id, parent_span_id, flags = parent
        given, state = _tracestate(header("tracestate"))
        return Trace(given or trace_id, trace_id, mint(8), parent_span_id, flags, state)
    trace = mint_trace(mint)
    for name in request_id_headers:
        given = header(name)
        if given and is_valid_id(given):
            return trace._replace(correlation_id=given)
    return trace


def mint_trace(mint: Mint = secrets.token_hex) -> Trace:
    """Return new ids, for work that no caller has given any."""
    # Both at once: asking the system for random bytes costs more than cutting them up.
    minted = mint(24)
    trace_id = minted[:32]
    return Trace(trace_id, trace_id, minted[32:])


def _parse_traceparent(value: str | None) -> tuple[str, str, str] | None:
    match = _TRACEPARENT.fullmatch(value.strip()) if value else None
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    # Version ff is forbidden; version 00 ends after the flags; an id of zeros means "none".
    if version == "ff" or (version == "00" and rest) or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    # Of the flags only "sampled" is defined for us to pass on.
    return trace_id, span_id, f"{int(flags, 16) & 1:02x}"


def _tracestate(value: str | None) -> tuple[str | None, str]:
    """Return the correlation id that one of us put in, if any, and the rest as it came."""
    if not value or len(value) > _MAX_TRACESTATE or not _TRACESTATE.fullmatch(value):
        return None, ""
    ours, others = None, []
    for member in value.split(","):
        key, _, content = member.strip().partition("=")
        if key != _OUR_MEMBER:
            others.append(member)
        elif is_valid_id(content):
            ours = content
    return ours, ",".join(others)


def _current_trace() -> Trace | None:
    unit = units.current()
    return None if unit is None else unit.trace


@contextmanager
def unit_of_work(
    headers: Mapping[str, str] | None = None, *, mint: Mint = secrets.token_hex, **fields: Any
) -> Iterator[Trace]:
    """Give the records of a block ids of their own, and its outgoing requests the headers to go with them.

    For what no web request starts: a management command, a cron job, a message from a queue.

        def handle(self, *args, **options):
            with unit_of_work(command="send_invoices"):
                ...

    `headers` are the caller's, where there is one (the headers of a message, by any spelling of their names): its ids
    are taken over as from a web request. Inside another unit of work, and without `headers`, the block keeps the
    correlation id and becomes a span of its own. What was bound before is back after the block. Works in async
    functions too; not around a `yield`, which lets code of others run inside the block.

    `bound(correlation_id=…)` alone is enough for the records; it starts no trace.
    """
    outer = _current_trace()
    if headers is not None:
        given = {name.lower(): value for name, value in headers.items()}
        trace = accept(lambda name: given.get(name.lower()), mint=mint)
    elif outer is not None:
        trace = Trace(outer.correlation_id, outer.trace_id, mint(8), outer.span_id, outer.flags, outer.state)
    else:
        trace = mint_trace(mint)
    if trace.parent_span_id is None and outer is not None and outer.parent_span_id is not None:
        # Work of its own inside a request: the request's caller is not its parent.
        fields = {"parent_span_id": None, **fields}
    with units.begin(trace), context.bound(**{**fields, **trace.fields()}):
        yield trace


def emit(trace: Trace) -> dict[str, str]:
    """Return the headers that carry the trace to the next service.

    A correlation id that is not the trace id also goes into `tracestate`, as `aura=…`: the next service finds a
    `traceparent` and would know the request by that alone.
    """
    headers = {
        "traceparent": f"00-{trace.trace_id}-{trace.span_id}-{trace.flags}",
        "X-Request-ID": trace.correlation_id,
    }
    ours = "" if trace.correlation_id == trace.trace_id else f"{_OUR_MEMBER}={trace.correlation_id}"
    if ours or trace.state:
        headers["tracestate"] = ",".join(filter(None, (ours, trace.state)))
    return headers


def outgoing_headers(headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return headers for a request to another service, with ours added to those given.

    Works with every client that takes a mapping: `requests.get(url, headers=outgoing_headers())`, likewise
    httpx and `urllib.request.Request`. Outside a request there is a correlation id only if one was bound; where
    there is none, nothing is added. A header that is given already wins.
    """
    own: dict[str, str] = {}
    trace = _current_trace()
    correlation_id = context.correlation_id()
    if correlation_id is not None and is_valid_id(correlation_id):
        own["X-Request-ID"] = correlation_id
        if trace is not None:
            # `bound(correlation_id=…)` inside a request names another unit of work.
            trace = trace._replace(correlation_id=correlation_id)
    if trace is not None:
        own = emit(trace)
    given = dict(headers or {})
    taken = {name.lower() for name in given}
    return {**{name: value for name, value in own.items() if name.lower() not in taken}, **given}
