"""Measure what privacy costs: the scan of a clean line, the filter, a line with a hit, and peers beside it.

    python benchmarks/privacy_scan.py

Microseconds of one thread, the fastest of many rounds. Peers that are not installed are left out.
"""

from __future__ import annotations

import logging
import random
import re
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

import aura_logging
from aura_logging.encoding import encode
from aura_logging.fast_lane import FastLogger
from aura_logging.fast_lane.lane import Lane
from aura_logging.fast_lane.lines import wrote
from aura_logging.filters import RequestContextFilter, SecurityFilter
from aura_logging.handlers import AsyncBufferedHandler, StructuredFileHandler
from aura_logging.patterns import re_set
from aura_logging.privacy import Scrubber
from aura_logging.privacy.engine import ENGINE_NAME, Engine

ROUNDS = 40


def fastest(work: Callable[[], object], number: int) -> float:
    """Return microseconds for one of the `number` things that `work` does."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best / number * 1e6


def clean_lines(count: int) -> list[bytes]:
    """Return encoded lines of about 430 bytes with ids, times, addresses and decimals in them, none personal."""
    chance = random.Random(7)
    messages = [
        lambda: f"order {chance.randrange(10**6)} placed in {chance.random()} s by worker {chance.randrange(99)}",
        lambda: f"GET /api/items/{chance.randrange(10**9)}/?page={chance.randrange(40)} 200 {chance.randrange(10**5)}",
        lambda: f"cache miss key=item:{uuid.UUID(int=chance.getrandbits(128))} ttl=300",
        lambda: f"thread {140 * 10**12 + chance.randrange(10**12)} pid {chance.randrange(99999)} started",
        lambda: "SELECT id, name FROM shop_item WHERE id = %s ORDER BY created_at LIMIT 20",
    ]
    lines = []
    for _ in range(count):
        fields = {
            "timestamp": f"2025-11-{chance.randrange(10, 29)}T05:41:00.{chance.randrange(10**6):06}Z",
            "level": "INFO",
            "logger": "shop.checkout.views",
            "message": chance.choice(messages)(),
            "correlation_id": str(uuid.UUID(int=chance.getrandbits(128))),
            "trace_id": f"{chance.getrandbits(128):032x}",
            "user_id": chance.randrange(10**6),
            "client_ip": f"10.0.{chance.randrange(255)}.{chance.randrange(255)}",
            "path": f"/checkout/{chance.randrange(10**5)}/",
            "status_code": 200,
            "request_duration": chance.random(),
            "service_name": "shop",
        }
        lines.append(orjson.dumps(fields) + b"\n")
    return lines


def each(work: Callable[[bytes], object], lines: Sequence[bytes]) -> float:
    def run() -> None:
        for line in lines:
            work(line)

    return fastest(run, len(lines))


def scan() -> None:
    lines = clean_lines(1_000)
    engine = Scrubber().engine
    suspect = sum(bool(engine.suspects(line)) for line in lines)
    print(f"lines of {sum(map(len, lines)) / len(lines):.0f} bytes on average, engine {ENGINE_NAME}")
    print(f"looked at closer without need: {suspect / len(lines):.2%}")
    print(f"{'one pass over a clean line':44}{each(engine.suspects, lines):8.2f}")
    batches = [b"".join(lines[start : start + 150]) for start in range(0, 900, 150)]
    clean = [batch for batch in batches if batch]
    print(f"{'the same in batches of 64 KiB, per line':44}{each(engine.suspects, clean) / 150:8.2f}")
    slow = re_set.compile_set([detector.scan for detector in engine.detectors])
    print(f"{'the same with re, where RE2 is missing':44}{each(slow, lines[:100]):8.2f}")
    for count in (12, 50, 200):
        patterns = {f"pattern_{n}": rf"\bP{n:03}-\d{{6}}\b" for n in range(max(0, count - len(engine.detectors)))}
        detectors = Scrubber(patterns=patterns).engine.detectors[-count:]
        print(f"{f'one pass, {count} patterns':44}{each(Engine(detectors).suspects, lines):8.2f}")


def filtering() -> None:
    guard = SecurityFilter()
    fields = orjson.loads(clean_lines(1)[0])
    extra = {
        key: fields[key] for key in ("correlation_id", "trace_id", "user_id", "client_ip", "path", "request_duration")
    }

    def record(message: str, *args: object) -> logging.LogRecord:
        made = logging.LogRecord("shop.views", logging.INFO, "/srv/shop/views.py", 12, message, args, None, "checkout")
        made.__dict__.update(extra)
        return made

    cases = {
        "a clean record": ("order %s placed in %.3f s", 88123, 0.0321),
        "a card in an argument": ("card %s declined for %s", "4111 1111 1111 1111", 88123),
        "an address in the message": ("mail to jane@example.com bounced",),
        "a password in a query": ("GET /login?user=jane&password=hunter2",),
    }
    for name, case in cases.items():

        def without(case: tuple[object, ...] = case) -> None:
            for _ in range(200):
                encode(record(*case))  # type: ignore[arg-type]

        def with_filter(case: tuple[object, ...] = case) -> None:
            for _ in range(200):
                made = record(*case)  # type: ignore[arg-type]
                guard.filter(made)
                encode(made)

        added = fastest(with_filter, 200) - fastest(without, 200)
        print(f"{f'added by the filter: {name}':44}{added:8.2f}")


def in_a_handler() -> None:
    """Print what the filter adds to a log call whose handler writes JSON lines behind a buffer."""
    fields = orjson.loads(clean_lines(1)[0])
    extra = {key: fields[key] for key in ("trace_id", "path", "request_duration")}
    bound = {key: fields[key] for key in ("correlation_id", "user_id", "client_ip")}
    with tempfile.TemporaryDirectory() as directory, aura_logging.bound(**bound):
        turns = []
        handlers = []
        for number, filters in enumerate(((), (SecurityFilter(),))):
            handler = AsyncBufferedHandler(StructuredFileHandler(Path(directory) / f"{number}.jsonl"), 100_000, 60)
            for each in (RequestContextFilter(service_name="shop"), *filters):
                handler.addFilter(each)
            logger = logging.Logger("shop.views")
            logger.addHandler(handler)
            handlers.append(handler)

            def log(logger: logging.Logger = logger) -> None:
                for call in range(200):
                    logger.info("order %s placed in %.3f s", call, 0.03, extra=extra)

            turns.append(log)
        best = [float("inf"), float("inf")]
        for _ in range(ROUNDS * 5):
            for number, log in enumerate(turns):
                log()  # what the other turn left in the processor's caches is not this one's cost
                began = time.perf_counter()
                log()
                best[number] = min(best[number], (time.perf_counter() - began) / 200 * 1e6)
            for handler in handlers:
                handler.flush(10)
        for handler in handlers:
            handler.close()
    print(f"{'a log call without the filter, and with it':44}{best[0]:8.2f}{best[1]:8.2f}")
    print(f"{'added by the filter in a handler: clean':44}{best[1] - best[0]:8.2f}")


class Taken:
    """Stand in for the handler of a lane: it has the line, and writes nothing."""

    def emit_line(self, level: int, line: bytes) -> bool:
        return True


def in_the_fast_lane() -> None:
    """Print what the filter adds where there is no record: it scans what is new on the line, and the rest once."""
    fields = orjson.loads(clean_lines(1)[0])
    extra = {key: fields[key] for key in ("trace_id", "user_id", "path", "request_duration")}
    with tempfile.TemporaryDirectory() as directory, aura_logging.bound(client_ip=fields["client_ip"], route="/buy/"):
        spent = []
        for filters in ((), (SecurityFilter(),)):
            handler = AsyncBufferedHandler(StructuredFileHandler(Path(directory) / "app.jsonl"))
            for each in (RequestContextFilter(service_name="shop"), *filters):
                handler.addFilter(each)
            logger = FastLogger("shop.views")
            logger.addHandler(handler)
            for _ in range(2):
                logger.info("the first starts the worker")
            lane = logger._aura_lanes[logging.INFO]
            lane.handler = Taken()

            def without_writing(lane: Lane = lane) -> None:
                for _ in range(200):
                    wrote("shop.views", lane, "order %s placed in %.3f s", (88123, 0.03), extra, sys._getframe())

            spent.append((without_writing, handler))
        best = [float("inf"), float("inf")]
        for _ in range(5):  # in turns
            best = [min(known, fastest(work, 200)) for known, (work, _) in zip(best, spent, strict=True)]
        for _, handler in spent:
            handler.close()
    print(f"{'added by the filter in the fast lane: clean':44}{best[1] - best[0]:8.2f}")


CHAIN = [
    re.compile(pattern)
    for pattern in (
        r"\b(?:\d[ -]?){13,19}\b",
        r"\b\d{3}-\d{2}-\d{4}\b",
        r"[\w.+-]+@[\w-]+\.[\w.-]+",
        r"\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}",
        r"\beyJ[\w-]+\.[\w-]+\.[\w-]+",
        r"(?i)bearer\s+\S+",
        r"\bAKIA[0-9A-Z]{16}\b",
        r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
        r"://[^/\s:]+:[^/\s@]+@",
        r"\bgh[pousr]_\w{36}\b",
        r"(?i)(?:password|token|secret|api_key)[\"' ]*[:=][\"' ]*[^\s\"'&,]+",
    )
]


def chain(text: str) -> str:
    for pattern in CHAIN:
        text = pattern.sub("[REDACTED]", text)
    return text


def peers() -> None:
    texts = [line.decode() for line in clean_lines(60)]
    scrubber = Scrubber()
    ours = fastest(lambda: [scrubber.scrub(text) for text in texts], len(texts))
    others: dict[str, Callable[[str], object]] = {"a chain of twelve re.sub": chain}
    try:
        import scrubadub

        others["scrubadub"] = scrubadub.Scrubber().clean
    except ImportError:
        pass
    try:
        from privacy_recall import presidio

        others["presidio (pattern recognisers)"] = presidio()
    except ImportError:
        pass
    print(f"{'Scrubber.scrub, a clean text of 430 characters':50}{ours:10.1f}")
    for name, work in others.items():
        began = time.perf_counter()
        for text in texts:
            work(text)
        spent = (time.perf_counter() - began) / len(texts) * 1e6
        print(f"{name:50}{spent:10.1f}   {spent / ours:,.0f} x")


if __name__ == "__main__":
    scan()
    filtering()
    in_a_handler()
    in_the_fast_lane()
    peers()
