"""Show what came out of the run: each section is one function, and `SECTIONS` is their order."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from aura_logging.metrics import open_store
from aura_logging.metrics.window import Window, read_window

from demo import server
from demo.lines import LOG, Lines
from demo.places import SHOP_DIR, short
from demo.terminal import Terminal
from demo.traffic import Sent


@dataclass(frozen=True)
class Run:
    """One finished run: what the client sent and what the server's processes wrote."""

    state_dir: Path
    sent: list[Sent]
    lines: Lines
    is_healthy: bool
    health: str
    """What `manage.py logging_health_check` said while the workers ran."""


Section = Callable[[Run, Terminal], bool]
"""Prints itself; returns whether all is well."""


def show(run: Run, terminal: Terminal) -> bool:
    """Print every section; return whether all of them are content."""
    verdicts = [section(run, terminal) for section in SECTIONS]
    return all(verdicts)


def what_was_sent(run: Run, terminal: Terminal) -> bool:
    terminal.heading(f"{len(run.sent):,} requests sent")
    by_kind: dict[str, list[Sent]] = defaultdict(list)
    for sent in run.sent:
        by_kind[sent.kind].append(sent)
    cells = []
    surprises = [sent for sent in run.sent if not sent.went_as_expected]
    for kind, visits in sorted(by_kind.items(), key=lambda item: -len(item[1])):
        statuses = "/".join(str(status) for status in sorted({sent.status for sent in visits}))
        cells.append(f"{len(visits):>5}  {kind:<22} {statuses:<7}")
    _in_two_columns(cells, terminal)
    for sent in surprises[:5]:
        got = sent.problem or f"{sent.status}, id {sent.correlation_id or 'missing'}"
        terminal.failed(f"{sent.method} {sent.path[:40]}: expected {sent.expected_status}, got {got}")
    return not surprises


def what_was_written(run: Run, terminal: Terminal) -> bool:
    terminal.heading(f"{len(run.lines.all):,} lines written, each one JSON object")
    for logger, count in run.lines.by_logger().most_common(8):
        levels = Counter(line["level"] for line in run.lines.all if line["logger"] == logger)
        spread = ", ".join(f"{number} {level}" for level, number in levels.most_common())
        terminal.wrapped([f"{count:>5}  {logger:<22} {spread}"])
    for line in run.lines.broken[:3]:
        terminal.failed(f"not a JSON object: {line[:60]!r}")
    return not run.lines.broken


def nothing_was_lost(run: Run, terminal: Terminal) -> bool:
    """Hold the client's account against the server's: one `aura.request` line for each answer it got."""
    written = Counter(line.get("correlation_id") for line in run.lines.requests())
    sent = Counter(one.correlation_id for one in run.sent if one.correlation_id)
    missing = sent - written
    surplus = written - sent
    if not missing and not surplus:
        kept = sum(1 for one in run.sent if one.given_id and one.given_id == one.correlation_id)
        count = f"{sum(sent.values()):,}"
        terminal.done("nothing lost, nothing twice", f"{count} answers, {count} aura.request lines")
        terminal.done("ids from outside kept", f"{kept} requests came with one of their own")
    if missing:
        count, one = sum(missing.values()), next(iter(missing))
        terminal.failed(f"{count} answers have no aura.request line, such as {one}")
    if surplus:
        count, one = sum(surplus.values()), next(iter(surplus))
        terminal.failed(f"{count} aura.request lines answer to no request of ours, such as {one}")
    return not missing and not surplus


def what_was_counted(run: Run, terminal: Terminal) -> bool:
    """Ask the store that both workers counted into, as the dashboard and Prometheus do."""
    terminal.heading("Counted by both workers, in one store")
    window = read_window(open_store(f"sqlite:///{run.state_dir}/aura-metrics.db"), seconds=600)
    outcome, written = window.outcome(), len(run.lines.requests())
    terminal.wrapped([f"{'requests':>10} {'failed':>8} {'p50':>9} {'p95':>9}  route"])
    routes = window.outcomes("route")
    slowest = sorted(routes, key=lambda route: -_milliseconds(window, 0.95, route=route))[:4]
    for name, each, labels in [
        ("all", outcome, {}),
        *((route, routes[route], {"route": route}) for route in slowest),
    ]:
        p50, p95 = (f"{_milliseconds(window, q, **labels):,.0f} ms" for q in (0.5, 0.95))
        terminal.wrapped([f"{each.requests:>10,.0f} {each.error_rate:>8.1%} {p50:>9} {p95:>9}  {name}"])
    fired = [line["alert"] for line in run.lines.all if line.get("alert_phase") == "firing"]
    terminal.wrapped([f"alerts fired: {', '.join(sorted(fired)) or 'none yet: the run was too short'}"])
    if outcome.requests != written:
        terminal.failed(f"{outcome.requests:,.0f} requests were counted, {written:,} written down")
        return False
    terminal.done("every request counted once", f"{written:,} in the log, {outcome.requests:,.0f} in the store")
    return True


def _milliseconds(window: Window, q: float, **labels: str) -> float:
    found = window.quantile(q, "aura_request_duration_seconds", **labels)
    return 1_000 * found.value if found else 0.0


def who_did_what(run: Run, terminal: Terminal) -> bool:
    """Hold the audit trail against the shop's own table, and have it verified."""
    terminal.heading("The audit trail: one tracked model, and logins by themselves")
    try:
        verdict = server.audit_verdict(run.state_dir)
    except server.ServerError as error:
        terminal.failed(str(error))
        return False
    with closing(sqlite3.connect(run.state_dir / "shop.sqlite3")) as database:
        query = "SELECT object_type || ' ' || action, count(*) FROM aura_auditentry GROUP BY 1 ORDER BY 2 DESC"
        told = dict(database.execute(query))
        (orders,) = database.execute("SELECT count(*) FROM orders_order").fetchone()
        seeded = sum(
            json.loads(event)["extra"]["rows"]
            for (event,) in database.execute(
                "SELECT event FROM aura_auditentry WHERE object_type = 'orders.Order' AND action = 'bulk_insert'"
            )
        )
    for what, count in told.items():
        terminal.wrapped([f"{count:>5}  {what}"])
    entries = f"{verdict['entries']:,} entries of {verdict['writers']} writers"
    agrees = orders == seeded + told.get("orders.Order create", 0)
    if agrees:
        terminal.done("each order has its entry", f"{orders:,} orders, {seeded:,} of them in bulk")
    else:
        terminal.failed(f"{orders:,} orders, and the trail tells of {seeded + told.get('orders.Order create', 0):,}")
    if verdict["whole"]:
        terminal.done("nobody touched the trail", f"{entries}, verified")
    else:
        terminal.failed(f"{entries}: {verdict['damages'][0]}")
    return agrees and verdict["whole"]


def three_lines(run: Run, terminal: Terminal) -> bool:
    """Pretty-print one wide request line, one of the application's own, and one with a traceback."""
    crash = _crash(run)
    samples = [
        (
            "One request: the shelf with its N+1 queries",
            _first(run, logger="aura.request", path="/books/careless/"),
        ),
        ("One line of the application's own, joined to its request", _first(run, message="order placed")),
        ("One crash; the client holds the same id, from the response's X-Request-ID", crash),
    ]
    for title, line in samples:
        terminal.heading(title)
        if line is None:
            terminal.failed("no such line was written")
        else:
            _pretty(line, terminal, quiet=_BY_THE_WAY if line["logger"] == "aura.request" else _REPEATED)
    return all(line is not None for _, line in samples)


def debug_lines_of_the_failed(run: Run, terminal: Terminal) -> bool:
    """Set an order that crashed beside one that went well: debug lines were made for both, and written for one."""
    by_id: dict[str, list[dict]] = defaultdict(list)
    for line in run.lines.all:
        by_id[line.get("correlation_id") or ""].append(line)
    ends = [line for line in run.lines.requests() if line.get("path") == "/orders/place/"]
    failed = next((end["correlation_id"] for end in ends if end["status_code"] == 500), "")
    # On a busy machine an order may be slow; then its debug lines are written too, and its own line is a warning.
    healthy = next((end["correlation_id"] for end in ends if (end["status_code"], end["level"]) == (302, "INFO")), "")
    terminal.heading("One order that failed, with its debug lines, beside one that did not")
    for place, correlation_id in enumerate((failed, healthy)):
        if place:
            terminal.say("")
        for line in by_id[correlation_id] if correlation_id else []:
            level = terminal.paint(f"{line['level']:<8}", "quiet" if line.get("released") else "cyan")
            terminal.say(f"  {level} {line['logger']:<15} {terminal.shortened(line['message'], terminal.width - 28)}")
    wrong = [line for line in by_id[healthy] if line["level"] == "DEBUG"]
    told = [line for line in by_id[failed] if line["level"] == "DEBUG"]
    if wrong or not told:
        terminal.failed("the debug lines are not those of the failed request")
    return bool(told) and not wrong


def _crash(run: Run) -> dict | None:
    """Find the line of an exception whose id the client was told with its 500."""
    told = {one.correlation_id for one in run.sent if one.status == 500}
    for line in run.lines.all:
        if "exception" in line and line.get("correlation_id") in told:
            return line
    return None


def how_it_is(run: Run, terminal: Terminal) -> bool:
    terminal.heading("manage.py logging_health_check, while both workers ran")
    terminal.say()
    for row in run.health.splitlines():
        terminal.say(row)
    return run.is_healthy


def what_to_open_next(run: Run, terminal: Terminal) -> bool:
    terminal.heading("What to open next")
    places = [
        (short(run.state_dir / LOG), "every line, as written"),
        (short(run.state_dir / "requests.jsonl"), "what the client sent"),
        ("manage.py aura_logs show ID", "all of one request"),
        (short(SHOP_DIR / "shop" / "settings.py"), "the set-up: three lines"),
        ("make serve", "walk round the shop yourself"),
    ]
    for place, meaning in places:
        terminal.say(f"  {terminal.paint(f'{meaning:<30}', 'quiet')} {place}")
    return True


SECTIONS: list[Section] = [
    what_was_sent,
    what_was_written,
    nothing_was_lost,
    what_was_counted,
    who_did_what,
    three_lines,
    debug_lines_of_the_failed,
    how_it_is,
    what_to_open_next,
]


def _in_two_columns(cells: list[str], terminal: Terminal) -> None:
    half = (len(cells) + 1) // 2
    for left, right in zip(cells[:half], [*cells[half:], ""], strict=False):
        terminal.wrapped([f"{left}  {right}".rstrip()], indent="")


def _first(run: Run, **wanted: str) -> dict | None:
    for line in run.lines.all:
        if all(line.get(key) == value for key, value in wanted.items()):
            return line
    return None


_FIRST = (
    "timestamp", "level", "logger", "message", "correlation_id", "method", "path", "route", "status_code",
    "request_duration",
)  # fmt: skip
_BY_THE_WAY = {"file", "line", "function", "pid", "thread", "stream", "seq", "user_agent"}
# What every line of a request has, and the request's own line shows already.
_REPEATED = _BY_THE_WAY | {
    "client_ip", "cpu_percent", "memory_percent", "route", "service_name", "span_id", "system_load", "trace_id",
}  # fmt: skip


def _pretty(line: dict, terminal: Terminal, quiet: set[str]) -> None:
    names = [name for name in _FIRST if name in line and name not in quiet]
    names += [name for name in line if name not in {*_FIRST, *quiet, "exception"}]
    width = max(map(len, names))
    for name in names:
        text = line[name] if isinstance(line[name], str) else json.dumps(line[name], ensure_ascii=False)
        text = terminal.shortened(text, terminal.width - width - 5)
        styles = ["cyan"] if name == "correlation_id" else []
        terminal.say(f"  {terminal.paint(name.ljust(width), 'quiet')}  {terminal.paint(text, *styles)}")
    if "exception" in line:
        bar = "│" if terminal.is_unicode else "|"
        terminal.wrapped(_shortened_traceback(line["exception"]), indent=f"  {bar} ")
    beside = f"and {', '.join(sorted(quiet & line.keys()))}"
    terminal.say(terminal.paint(f"  {terminal.shortened(beside, terminal.width - 2)}", "quiet"))


def _shortened_traceback(text: str) -> list[str]:
    """Keep the shop's own frames and the exceptions; count the frames between."""
    shortened: list[str] = []
    foreign = 0
    is_ours = True
    for row in text.splitlines():
        if row.startswith("  File "):
            is_ours = str(SHOP_DIR) in row
            foreign += not is_ours
        elif not row.startswith("    "):
            is_ours = True
        if not is_ours or not row.strip(" ^~"):
            continue
        if foreign:
            shortened.append(f"  … {foreign} frames of Django's and Python's own …")
            foreign = 0
        shortened.append(row.replace(f"{SHOP_DIR}/", ""))
    return shortened
