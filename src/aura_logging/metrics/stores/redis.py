"""Keep metrics in Redis or Valkey, for many hosts: increments on hashes per metric and time bucket.

One script call adds a whole batch, with its id, so that a batch whose answer was lost on the way is not counted
twice. Nothing is scanned: the keys of a window follow from its times. Buckets expire by themselves; totals do not,
so a server that evicts must do so among expiring keys only (`maxmemory-policy noeviction` or `volatile-*`).
Works with any Redis or Valkey from version 6 on, without modules; in a cluster all keys are on one node.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from aura_logging.health import Health, Status
from aura_logging.metrics.forks import at_fork
from aura_logging.metrics.model import Amount, Exemplar, Sample, Series
from aura_logging.metrics.outline import Outline
from aura_logging.metrics.stores.base import StoreError
from aura_logging.metrics.stores.tiers import OUTLINE_BUCKETS, TIERS, Stretch, span_of, stretches, tier_for
from aura_logging.resilience.clock import Clock

__all__ = ["RedisStore"]

_TIMEOUT_SECONDS = 2.0
_MAX_SERIES_PER_METRIC = 5_000
_MOST_WHOLE = 2**53
_TIERS = orjson.dumps([[tier.step, tier.keep + tier.step] for tier in TIERS])
_ADD = Path(__file__).with_name("redis_add.lua").read_text(encoding="utf-8")

_LEASE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_SWAP = """
if redis.call('GET', KEYS[1]) ~= (ARGV[2] or false) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""

# What a worker says expires by itself; the set of their names is tidied by whoever asks.
_PUBLISH = """
if tonumber(ARGV[3]) > 0 then
  redis.call('SET', KEYS[1] .. ':' .. ARGV[1], ARGV[2], 'PX', ARGV[3])
  redis.call('SADD', KEYS[1], ARGV[1])
else
  redis.call('DEL', KEYS[1] .. ':' .. ARGV[1])
  redis.call('SREM', KEYS[1], ARGV[1])
end
"""
_PUBLISHED = """
local said = {}
for _, worker in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local text = redis.call('GET', KEYS[1] .. ':' .. worker)
  if text then
    said[#said + 1] = worker
    said[#said + 1] = text
  else
    redis.call('SREM', KEYS[1], worker)
  end
end
return said
"""


class RedisStore:
    """A `MetricsStore` in a Redis server. `url` as for redis-py; no connection is made before the first call.

    Deployments that share a server take different `prefix`es, or different databases. Beyond 5,000 series of one
    metric new label values are added to its `_overflow` series.
    """

    def __init__(self, url: str, *, prefix: str = "aura", clock: Clock = time.time) -> None:
        self._client: redis.Redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            # Once: for a connection that died idle. A batch that arrived twice is counted once.
            retry=Retry(NoBackoff(), 1),
        )
        # Braces make a cluster keep all of our keys on one node.
        self._prefix = f"{{{prefix}}}"
        self._clock = clock
        self._add = self._client.register_script(_ADD)
        self._lease = self._client.register_script(_LEASE)
        self._swap = self._client.register_script(_SWAP)
        self._publish = self._client.register_script(_PUBLISH)
        self._published = self._client.register_script(_PUBLISHED)
        self._series: dict[str, Series] = {}
        self._ids: dict[Series, str] = {}
        self._known: set[str] = set()
        self._error = ""
        at_fork(in_child=self._forget_connections)

    def add(self, samples: Sequence[Sample], batch: str = "") -> None:
        """Add the samples to every tier and to the totals, in one script call."""
        done, ids = self._send(samples, batch)
        if not done:
            # A server that has forgotten, or another one: it needs to be told who they are.
            self._known.difference_update(ids)
            _, ids = self._send(samples, batch)
        self._known.update(self._ids[sample.series] for sample in samples)
        self._known.difference_update(ids)

    def read(self, since: float, until: float | None = None, names: Collection[str] | None = None) -> list[Sample]:
        """Return the samples of the span, oldest first."""
        now = self._clock()
        until = now if until is None else until
        return self._read([span_of(since, until, tier_for(since, until, now).step)], self._names(names))

    def read_sums(self, since: float, until: float, outline: Outline) -> list[Sample]:
        """Return what is wanted of the span, added up on this side: a script would keep the server from others."""
        span = span_of(since, until, tier_for(since, until, self._clock(), OUTLINE_BUCKETS).step)
        wanted = [span] if outline.by_time else stretches(span)
        return outline.added(self._read(wanted, self._names(outline.names)), span.first)

    def totals(self, names: Collection[str] | None = None) -> list[Sample]:
        """Return one sample for each series."""
        wanted = self._names(names)
        found = self._hashes([f"total:{name}" for name in wanted])
        return [
            Sample(series, first_at, amount)
            for name, fields in zip(wanted, found, strict=True)
            for series, first_at, amount in self._amounts(name, fields)
        ]

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew the right to do a job; the server's clock counts."""
        key = f"{self._prefix}:lease:{name}"
        return bool(self._asked(lambda: self._lease(keys=[key], args=[holder, int(seconds * 1000)])))

    def load(self, key: str) -> str | None:
        """Return the text under a key."""
        text: str | None = self._asked(lambda: self._client.get(f"{self._prefix}:note:{key}"))
        return text

    def swap(self, key: str, expected: str | None, text: str) -> bool:
        """Put a text in the place of the one expected."""
        arguments = [text] if expected is None else [text, expected]
        return bool(self._asked(lambda: self._swap(keys=[f"{self._prefix}:note:{key}"], args=arguments)))

    def publish(self, worker: str, text: str, seconds: float) -> None:
        """Put this in the place of what the worker said before; the server's clock counts."""
        arguments: list[str | int] = [worker, text, int(seconds * 1000)]
        self._asked(lambda: self._publish(keys=[f"{self._prefix}:workers"], args=arguments))

    def published(self) -> dict[str, str]:
        """Return what every worker said last."""
        said = self._asked(lambda: self._published(keys=[f"{self._prefix}:workers"]))
        return dict(sorted(zip(said[::2], said[1::2], strict=True)))

    def health(self) -> Health:
        """Return unhealthy while the last call failed."""
        if self._error:
            return Health(Status.UNHEALTHY, self._error, facts={"store": "redis"})
        return Health(Status.HEALTHY, facts={"store": "redis"})

    def close(self) -> None:
        """Close all connections; a later call opens new ones."""
        self._client.connection_pool.disconnect()

    def _read(self, spans: Sequence[Stretch], names: Sequence[str]) -> list[Sample]:
        wanted = [(step, at, name) for step, first, end in spans for at in range(first, end, step) for name in names]
        found = self._hashes([f"t:{step}:{at}:{name}" for step, at, name in wanted])
        return [
            Sample(series, at, amount)
            for (_, at, name), fields in zip(wanted, found, strict=True)
            for series, _, amount in self._amounts(name, fields)
        ]

    def _send(self, samples: Sequence[Sample], batch: str) -> tuple[bool, list[str]]:
        rows = [self._row(sample) for sample in samples]
        arguments: list[str | bytes | int] = [self._prefix, batch, _TIERS, _MAX_SERIES_PER_METRIC, orjson.dumps(rows)]
        done, ids = self._asked(lambda: self._add(keys=[f"{self._prefix}:names"], args=arguments))
        return bool(done), ids

    def _row(self, sample: Sample) -> list[Any]:
        series = sample.series
        known = self._ids.get(series)
        if known is None:
            known = self._ids[series] = _id(_identity(series))
        names = ["", "", ""]
        if known not in self._known:
            overflow = _identity(series.overflow()) if series.labels else ""
            names = [_identity(series), _id(overflow) if overflow else "", overflow]
        return [series.name, sample.at, known, *names, *_parts(sample)]

    def _forget_connections(self) -> None:
        # Sockets of the parent: a child neither uses nor shuts them down.
        self._client.connection_pool.reset()

    def _names(self, names: Collection[str] | None) -> list[str]:
        if names is not None:
            return sorted(set(names))
        return sorted(self._asked(lambda: self._client.smembers(f"{self._prefix}:names")))

    def _hashes(self, keys: Sequence[str]) -> list[dict[str, str]]:
        def ask() -> list[dict[str, str]]:
            pipeline = self._client.pipeline(transaction=False)
            for key in keys:
                pipeline.hgetall(f"{self._prefix}:{key}")
            answers: list[dict[str, str]] = pipeline.execute()
            return answers

        return self._asked(ask) if keys else []

    def _amounts(self, name: str, fields: dict[str, str]) -> list[tuple[Series, int, Amount]]:
        by_id: dict[str, dict[str, str]] = {}
        for field, value in fields.items():
            series_id, _, part = field.partition("|")
            by_id.setdefault(series_id, {})[part] = value
        self._learn_series(name, by_id)
        return [
            (self._series[series_id], int(float(parts.get("f", 0))), _amount(parts))
            for series_id, parts in by_id.items()
            if series_id in self._series
        ]

    def _learn_series(self, name: str, ids: Collection[str]) -> None:
        unknown = [series_id for series_id in ids if series_id not in self._series]
        if not unknown:
            return
        texts = self._asked(lambda: self._client.hmget(f"{self._prefix}:series:{name}", unknown))
        for series_id, text in zip(unknown, texts, strict=True):
            if text is not None:
                self._series[series_id] = _series(text)

    def _asked(self, call: Any) -> Any:
        try:
            answer = call()
        except (redis.RedisError, OSError) as error:
            self._error = f"{type(error).__name__}: {error}; counts are kept in memory until Redis answers again."
            raise StoreError(self._error) from error
        self._error = ""
        return answer


def _parts(sample: Sample) -> tuple[list[tuple[str, str]], list[str], str]:
    """Return the increases by part (c count, n whole sum, s sum with a fraction, b3 bucket 3), last and exemplar."""
    amount, exemplar = sample.amount, sample.amount.exemplar
    parts = [(f"b{index}", str(int(count))) for index, count in (amount.buckets or {}).items()]
    if amount.count and not amount.buckets:  # a histogram's count is that of its buckets
        parts.append(("c", str(int(amount.count))))
    if amount.sum and abs(amount.sum) < _MOST_WHOLE and amount.sum == int(amount.sum):
        parts.append(("n", str(int(amount.sum))))
    elif amount.sum:
        parts.append(("s", repr(amount.sum)))
    last = [repr(amount.last), repr(amount.last_at)] if sample.series.kind == "gauge" else []
    told = "" if exemplar is None else orjson.dumps([exemplar.value, exemplar.trace_id, exemplar.at]).decode()
    return parts, last, told


def _amount(parts: dict[str, str]) -> Amount:
    buckets = {int(part[1:]): float(count) for part, count in parts.items() if part[0] == "b"}
    exemplar = Exemplar(*orjson.loads(parts["x"])) if "x" in parts else None
    count, whole, fraction, last, last_at = (float(parts.get(part, 0)) for part in ("c", "n", "s", "l", "a"))
    return Amount(count or sum(buckets.values()), whole + fraction, last, last_at, buckets or None, exemplar)


def _identity(series: Series) -> str:
    return orjson.dumps([series.name, series.kind, series.labels, series.bounds, series.merge]).decode()


def _id(identity: str) -> str:
    return hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()


def _series(identity: str) -> Series:
    name, kind, labels, bounds, merge = orjson.loads(identity)
    return Series(name, kind, tuple((key, value) for key, value in labels), tuple(map(float, bounds)), merge)
