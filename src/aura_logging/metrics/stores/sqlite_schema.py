"""Write and read the tables of the SQLite store: every statement is here, nothing else is."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import orjson

from aura_logging.metrics.model import Amount, Exemplar, Sample, Series
from aura_logging.metrics.stores.base import StoreError
from aura_logging.metrics.stores.tiers import Stretch

__all__ = ["prepare"]

VERSION = 2

Row = tuple[int, int, float, float, float, float, str | None, str | None]
"""Series id, time, count, sum, last, last_at, buckets and exemplar as JSON."""

_TABLES = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    labels TEXT NOT NULL,
    bounds TEXT NOT NULL,
    merge TEXT NOT NULL,
    UNIQUE (name, labels, bounds, kind, merge)
);
CREATE TABLE IF NOT EXISTS total (
    series INTEGER PRIMARY KEY,
    first_at INTEGER NOT NULL,
    count REAL NOT NULL,
    sum REAL NOT NULL,
    last REAL NOT NULL,
    last_at REAL NOT NULL,
    buckets TEXT,
    exemplar TEXT
);
CREATE TABLE IF NOT EXISTS point (
    step INTEGER NOT NULL,
    at INTEGER NOT NULL,
    series INTEGER NOT NULL,
    count REAL NOT NULL,
    sum REAL NOT NULL,
    last REAL NOT NULL,
    last_at REAL NOT NULL,
    buckets TEXT,
    PRIMARY KEY (step, at, series)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS note (key TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS worker (name TEXT PRIMARY KEY, text TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch (id TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
"""


def _adding_to(table: str) -> str:
    # Sums add up, the newest value wins; `add_buckets` is ours and is called for histograms only.
    return f"""
        count = {table}.count + excluded.count,
        sum = {table}.sum + excluded.sum,
        last = CASE WHEN excluded.last_at >= {table}.last_at THEN excluded.last ELSE {table}.last END,
        last_at = max({table}.last_at, excluded.last_at),
        buckets = CASE WHEN excluded.buckets IS NULL THEN {table}.buckets
                       WHEN {table}.buckets IS NULL THEN excluded.buckets
                       ELSE add_buckets({table}.buckets, excluded.buckets) END"""


_ADD_TOTAL = f"""
    INSERT INTO total (series, first_at, count, sum, last, last_at, buckets, exemplar)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET {_adding_to("total")}, exemplar = coalesce(excluded.exemplar, total.exemplar)
"""  # noqa: S608  # constants of ours
_ADD_POINT = f"""
    INSERT INTO point (step, at, series, count, sum, last, last_at, buckets)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET {_adding_to("point")}
"""  # noqa: S608  # constants of ours


def prepare(connection: sqlite3.Connection) -> None:
    """Set up a new connection, and the file if it is new; `StoreError` if a newer release has written it."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    # A long reader can make the log grow; give the space back once it is gone.
    connection.execute("PRAGMA journal_size_limit=16777216")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.create_function("add_buckets", 2, _add_buckets, deterministic=True)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise StoreError(
            f"the metrics file has layout {version}, this release knows {VERSION}; upgrade aura-logging or "
            "use a new file."
        )
    if version < VERSION:
        connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version={VERSION};COMMIT;")


def row(series: int, at: int, amount: Amount) -> Row:
    """Return an amount as it is written."""
    exemplar = amount.exemplar
    return (
        series,
        at,
        amount.count,
        amount.sum,
        amount.last,
        amount.last_at,
        None if not amount.buckets else _buckets_text(amount.buckets),
        None if exemplar is None else orjson.dumps([exemplar.value, exemplar.trace_id, exemplar.at]).decode(),
    )


def add_totals(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Add the rows to the totals."""
    connection.executemany(_ADD_TOTAL, rows)


def add_points(connection: sqlite3.Connection, step: int, rows: Iterable[Row]) -> None:
    """Add the rows to the buckets of one tier."""
    connection.executemany(
        _ADD_POINT,
        [
            (step, at // step * step, series, count, total, last, last_at, buckets)
            for series, at, count, total, last, last_at, buckets, _ in rows
        ],
    )


def points(connection: sqlite3.Connection, span: Stretch, names: Collection[str] | None) -> list[Sample]:
    """Return the samples of a span, oldest first."""
    series = series_by_id(connection, names)
    found = connection.execute(
        "SELECT series, at, count, sum, last, last_at, buckets FROM point WHERE step = ? AND at >= ? AND at < ?"
        " ORDER BY at, series",
        span,
    )
    return [Sample(series[id_], at, _amount(*amount)) for id_, at, *amount in found if id_ in series]


def want_sums(connection: sqlite3.Connection, sum_of: Mapping[int, int]) -> None:
    """Say to which sum, by its number, each series goes in `sums`; a series that is not there is left out.

    All series of a sum have the same bounds.
    """
    # A table of this connection's own, in memory: the database is not written to.
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (series INTEGER PRIMARY KEY, number INTEGER NOT NULL)")
    connection.execute("DELETE FROM temp.wanted")
    connection.executemany("INSERT INTO temp.wanted VALUES (?, ?)", sum_of.items())


def sums(connection: sqlite3.Connection, stretch: Stretch, *, by_time: bool) -> list[tuple[int, int, Amount]]:
    """Return the points of a stretch added up: time of a point, number of the sum, amount; in order of the two."""
    # CROSS JOIN has SQLite go through the points once, in order, and look up each one's sum. `last` is that of the
    # row with the greatest `last_at`: https://www.sqlite.org/lang_select.html#bareagg.
    found = connection.execute(
        f"""
        SELECT at, number, sum(count), sum(sum), last, max(last_at), group_concat(buckets, ',')
        FROM point CROSS JOIN temp.wanted ON wanted.series = point.series
        WHERE step = ? AND at >= ? AND at < ? GROUP BY {"at, number" if by_time else "number"}
        """,  # noqa: S608  # constants of ours
        stretch,
    )
    return [
        (at, number, Amount(count, total, last, last_at, _all_buckets(buckets)))
        for at, number, count, total, last, last_at, buckets in found
    ]


def totals(connection: sqlite3.Connection, names: Collection[str] | None) -> list[Sample]:
    """Return the total of every series."""
    series = series_by_id(connection, names)
    found = connection.execute("SELECT series, first_at, count, sum, last, last_at, buckets, exemplar FROM total")
    return [Sample(series[id_], at, _amount(*amount)) for id_, at, *amount in found if id_ in series]


def find_series(connection: sqlite3.Connection, series: Series) -> int | None:
    """Return the id of a series, if it has one."""
    found = connection.execute(
        "SELECT id FROM series WHERE name = ? AND labels = ? AND bounds = ? AND kind = ? AND merge = ?",
        _identity(series),
    ).fetchone()
    return None if found is None else int(found[0])


def make_series(connection: sqlite3.Connection, series: Series) -> int:
    """Give a series an id."""
    made = connection.execute(
        "INSERT INTO series (name, labels, bounds, kind, merge) VALUES (?, ?, ?, ?, ?)", _identity(series)
    ).lastrowid
    assert made is not None  # noqa: S101  # an INSERT that did not raise has one
    return made


def count_series(connection: sqlite3.Connection) -> int:
    """Return how many series there are."""
    (count,) = connection.execute("SELECT count(*) FROM series").fetchone()
    return int(count)


def claim_batch(connection: sqlite3.Connection, batch: str, now: float) -> bool:
    """Remember a batch; false if it was added before."""
    return connection.execute("INSERT OR IGNORE INTO batch (id, at) VALUES (?, ?)", (batch, now)).rowcount == 1


def forget_batches(connection: sqlite3.Connection, before: float) -> None:
    """Forget batches that nobody will send again."""
    connection.execute("DELETE FROM batch WHERE at < ?", (before,))


def take_lease(connection: sqlite3.Connection, name: str, holder: str, now: float, until: float) -> bool:
    """Take or renew a lease; false while another holder has it.

    One that would last twice as long as what is asked for was taken before the clock was put back, and has ended.
    """
    taken = connection.execute(
        "INSERT INTO lease (name, holder, until) VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
        " SET holder = excluded.holder, until = excluded.until"
        " WHERE holder = excluded.holder OR until <= ? OR until > ?",
        (name, holder, until, now, until + (until - now)),
    )
    return taken.rowcount == 1


def load_note(connection: sqlite3.Connection, key: str) -> str | None:
    """Return the text under a key."""
    found = connection.execute("SELECT text FROM note WHERE key = ?", (key,)).fetchone()
    return None if found is None else str(found[0])


def save_note(connection: sqlite3.Connection, key: str, text: str) -> None:
    """Put a text under a key."""
    connection.execute("INSERT OR REPLACE INTO note (key, text) VALUES (?, ?)", (key, text))


def save_worker(connection: sqlite3.Connection, worker: str, text: str, now: float, until: float) -> None:
    """Put what a worker says in the place of what it said before, and forget whose time is over."""
    connection.execute("INSERT OR REPLACE INTO worker (name, text, until) VALUES (?, ?, ?)", (worker, text, until))
    connection.execute("DELETE FROM worker WHERE until <= ?", (now,))


def load_workers(connection: sqlite3.Connection, now: float) -> dict[str, str]:
    """Return what the workers say whose time is not over."""
    return dict(connection.execute("SELECT name, text FROM worker WHERE until > ? ORDER BY name", (now,)))


def drop_points(connection: sqlite3.Connection, step: int, before: int) -> int:
    """Drop a tier's buckets before a time; return how many rows went."""
    return connection.execute("DELETE FROM point WHERE step = ? AND at < ?", (step, before)).rowcount


def drop_to_size(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Drop the oldest tenth of the largest tier's time until the pages in use fit; freed pages are used again."""
    while _bytes_in_use(connection) > max_bytes:
        tiers = connection.execute("SELECT step, min(at), max(at), count(*) FROM point GROUP BY step").fetchall()
        if not tiers:
            return
        step, first, last, _ = max(tiers, key=lambda tier: tier[3])
        drop_points(connection, step, first + max(step, (last - first) // 10))


def _bytes_in_use(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def series_by_id(connection: sqlite3.Connection, names: Collection[str] | None) -> dict[int, Series]:
    """Return the series of these metrics."""
    query = "SELECT id, name, kind, labels, bounds, merge FROM series"
    if names is not None:
        query += f" WHERE name IN ({','.join('?' * len(names))})"  # question marks only
    found = connection.execute(query, tuple(names or ()))
    bounds_seen: dict[str, tuple[float, ...]] = {}
    return {
        id_: Series(
            name,
            kind,
            tuple((key, value) for key, value in orjson.loads(labels)),
            bounds_seen.setdefault(bounds, tuple(map(float, orjson.loads(bounds)))),
            merge,
        )
        for id_, name, kind, labels, bounds, merge in found
    }


def _identity(series: Series) -> tuple[str, str, str, str, str]:
    labels = orjson.dumps(series.labels).decode()
    return (series.name, labels, orjson.dumps(series.bounds).decode(), series.kind, series.merge)


def _amount(count: float, total: float, last: float, last_at: float, buckets: str | None, *rest: Any) -> Amount:
    exemplar = Exemplar(*orjson.loads(rest[0])) if rest and rest[0] else None
    counted = None if buckets is None else {int(index): n for index, n in orjson.loads(buckets).items()}
    return Amount(count, total, last, last_at, counted, exemplar)


def _all_buckets(texts: str | None) -> dict[int, float] | None:
    if texts is None:
        return None
    counts: dict[str, float] = {}
    for each in orjson.loads(f"[{texts}]"):
        for index, count in each.items():
            counts[index] = counts.get(index, 0) + count
    return {int(index): count for index, count in counts.items()}


def _add_buckets(one: str, other: str) -> str:
    counts: dict[str, float] = orjson.loads(one)
    for index, count in orjson.loads(other).items():
        counts[index] = counts.get(index, 0) + count
    return orjson.dumps(counts).decode()


def _buckets_text(buckets: Any) -> str:
    # Whole numbers: half the length of floats.
    return orjson.dumps({str(index): int(count) for index, count in buckets.items()}).decode()
