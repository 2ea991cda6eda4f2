"""What is looked for is found, newest first, in whatever file of the log it lies and however that is compressed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aura_logging.diagnostics.log_reader import (
    Condition,
    LogFile,
    Problem,
    Wanted,
    files_of,
    find_request,
    parse_condition,
    search,
)
from aura_logging.diagnostics.log_reader import blocks as blocks_module
from aura_logging.diagnostics.log_reader.blocks import blocks, blocks_backwards
from aura_logging.options import OptionError
from aura_logging.resilience.log_files.id_index import IdCollector, index_path

START = 1_800_000_000
Write = Callable[..., Path]
Line = Callable[..., bytes]


def messages(found: Any) -> list[str]:
    return [line.fields["message"] for line in found]


@pytest.fixture
def log(write_log: Write, log_line: Line) -> Path:
    """Forty lines in three segments, one of each kind, and the live file."""
    lines = [log_line(number * 360) for number in range(40)]
    return write_log([(lines[:10], "gzip"), (lines[10:20], "zstd"), (lines[20:30], None)], lines[30:])


def test_a_log_is_its_live_file_and_its_segments_newest_first(log: Path) -> None:
    (log.parent / "app.20270115T090000.000000Z-000001.jsonl.gz.partial").write_bytes(b"half")
    (log.parent / "other.jsonl").write_bytes(b"another log")

    files = files_of(log)

    assert [(file.compressed, file.closed_at) for file in files] == [
        ("", None), ("", START + 3 * 3_600), (".zst", START + 2 * 3_600), (".gz", START + 3_600),
    ]  # fmt: skip
    assert [file.opened_at for file in files] == [START + 3 * 3_600, START + 2 * 3_600, START + 3_600, None]


def test_what_logrotate_and_the_standard_library_left_belongs_to_the_log(tmp_path: Path) -> None:
    for name in ("app.log", "app.log.1", "app.log.2.gz", "app.log-20261123", "app.log.2026-11-22", "app.log.bak"):
        (tmp_path / name).write_bytes(b"")

    names = {file.path.name for file in files_of(tmp_path / "app.log")}

    assert names == {"app.log", "app.log.1", "app.log.2.gz", "app.log-20261123", "app.log.2026-11-22"}


def test_everything_is_found_newest_first_and_no_more_than_was_asked_for(log: Path) -> None:
    assert messages(search(files_of(log), Wanted())) == [f"line {number * 360}" for number in range(40)][::-1]
    assert messages(search(files_of(log), Wanted(), limit=12)) == [f"line {n * 360}" for n in range(39, 27, -1)]


def test_a_stretch_of_time_spares_the_segments_outside(log: Path) -> None:
    wanted = Wanted(since=START + 15 * 360, until=START + 17 * 360)

    read = [file for file in files_of(log) if file.may_hold(wanted.since, wanted.until)]

    assert [file.compressed for file in read] == [".zst"]
    assert messages(search(files_of(log), wanted)) == ["line 6120", "line 5760", "line 5400"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(level="WARNING"), ["declined", "crashed"]),
        (Wanted(level="ERROR"), ["crashed"]),
        (Wanted(logger="shop"), ["placed", "declined", "crashed", "Größe 'XL'"]),
        (Wanted(logger="shop.pay"), ["declined"]),
        (Wanted(logger="sho"), []),
        (Wanted(route="orders/<int:pk>/"), ["crashed"]),
        (Wanted(user="7"), ["placed"]),
        (Wanted(correlation_id="r-1"), ["placed", "declined"]),
        (Wanted(correlation_id="4bf92f3577b34da6a3ce929d0e0e4736"), ["crashed"]),
        (Wanted(text="größe 'xl'"), ["Größe 'XL'"]),
        (Wanted(text="Größe 'XL'"), ["Größe 'XL'"]),
        (Wanted(text="CRASHED"), []),
        (Wanted(text="crashed"), ["crashed"]),
        (Wanted(text='with "quotes"'), ["plain text"]),
        (Wanted(conditions=(Condition("status_code", ">=", "500"),)), ["crashed"]),
        (Wanted(conditions=(Condition("level", ">=", "WARNING"), Condition("amount", "<", "5"))), ["declined"]),
        (Wanted(conditions=(Condition("slow", "=", "true"),)), ["placed"]),
        (Wanted(conditions=(Condition("message", "~", "PLACE"),)), ["placed"]),
        (Wanted(conditions=(Condition("user_id", "!=", "7"), Condition("logger", "=", "shop.orders"))),
         ["crashed", "Größe 'XL'"]),
        (Wanted(level="ERROR", correlation_id="r-1"), []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_lines_are_found_by_what_they_hold(
    write_log: Write, log_line: Line, wanted: Wanted, expected: list[str], compression: str | None
) -> None:
    lines = [
        log_line(1, message="placed", user_id="7", correlation_id="r-1", slow=True),
        log_line(2, message="declined", level="WARNING", logger="shop.pay", correlation_id="r-1", amount=4.5),
        log_line(3, message="crashed", level="CRITICAL", status_code=503, route="orders/<int:pk>/",
                 trace_id="4bf92f3577b34da6a3ce929d0e0e4736", amount="none"),
        log_line(4, message="Größe 'XL'"),
        log_line(5, message="plain text", logger="other", note='with "quotes"'),
    ]  # fmt: skip
    log = write_log([(lines, compression)])

    assert messages(search(files_of(log), wanted))[::-1] == expected


def test_lines_of_other_schemas_are_found_by_our_names(write_log: Write) -> None:
    ecs = {"@timestamp": "2027-01-15T08:00:00.000000Z", "log.level": "ERROR", "log.logger": "shop", "message": "one"}
    ecs["http.request.id"] = "r-1"
    log = write_log([], [json.dumps(ecs, separators=(",", ":")).encode() + b"\n", b"no JSON at all, r-1\n"])

    assert messages(search(files_of(log), Wanted(correlation_id="r-1", level="ERROR"))) == ["one"]
    assert messages(search(files_of(log), Wanted(text="no json"))) == ["no JSON at all, r-1"]


def test_a_request_is_found_with_its_lines_in_order_across_two_files(write_log: Write, log_line: Line) -> None:
    others = [log_line(number, correlation_id=f"other-{number}") for number in range(50)]
    log = write_log(
        [
            ([log_line(1, correlation_id="r-9"), *others], "gzip"),
            (others, "zstd"),
            ([*others, log_line(60, correlation_id="r-9", message="first")], "zstd"),
        ],
        [log_line(62, correlation_id="r-9", message="third"), log_line(61, trace_id="r-9", message="second"), *others],
    )

    found = find_request(files_of(log), "r-9")
    everywhere = find_request(files_of(log), "r-9", everywhere=True)

    assert messages(found.lines) == ["first", "second", "third"]
    assert (found.files_read, found.files_left) == (3, 1)
    assert messages(everywhere.lines) == ["line 1", "first", "second", "third"]
    assert find_request(files_of(log), "absent").files_read == 4


def test_a_damaged_segment_is_told_and_what_comes_before_the_damage_is_read(write_log: Write, log_line: Line) -> None:
    lines = [log_line(number, correlation_id="r-1") for number in range(20_000)]
    log = write_log([(lines, "gzip")])
    (segment,) = [file.path for file in files_of(log) if file.compressed]
    content = bytearray(segment.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = b"\xff" * 40
    segment.write_bytes(content)
    problems: list[Problem] = []

    found = list(search(files_of(log), Wanted(correlation_id="r-1"), on_problem=problems.append))

    assert 0 < len(found) < 20_000
    assert [problem.path for problem in problems] == [segment]
    assert "is damaged" in problems[0].reason
    assert find_request(files_of(log), "r-1").problems == tuple(problems)


def test_a_segment_that_is_compressed_after_it_was_listed_is_read_under_its_new_name(log: Path) -> None:
    files = files_of(log)
    plain = files[1].path
    with gzip.open(f"{plain}.gz", "wb") as compressed:
        compressed.write(plain.read_bytes())
    plain.unlink()

    assert len(list(search(files, Wanted()))) == 40


@given(
    st.lists(st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"")), max_size=60),
    st.booleans(),
    st.integers(1, 50),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_blocks_hold_whole_lines_and_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[bytes], ends: bool, size: int
) -> None:
    content = b"\n".join(lines) + (b"\n" if ends and lines else b"")
    plain, compressed = tmp_path / "blocks", tmp_path / "blocks.gz"
    plain.write_bytes(content)
    compressed.write_bytes(gzip.compress(content[: len(content) // 2]) + gzip.compress(content[len(content) // 2 :]))
    monkeypatch.setattr(blocks_module, "BLOCK_BYTES", size)
    monkeypatch.setattr(blocks_module, "_READ_BYTES", 7)

    forwards = list(blocks(LogFile(plain, "", None)))
    unzipped = list(blocks(LogFile(compressed, ".gz", None)))
    backwards = list(blocks_backwards(plain))

    assert b"".join(forwards) == b"".join(unzipped) == b"".join(backwards[::-1]) == content
    for found in (forwards, unzipped, backwards[::-1]):
        assert all(block.endswith(b"\n") for block in found[:-1])


@pytest.mark.parametrize(
    ("term", "condition"),
    [
        ("level>=ERROR", Condition("level", ">=", "ERROR")),
        ("route = 'orders/'", Condition("route", "=", "orders/")),
        ("message~a=b", Condition("message", "~", "a=b")),
        ("user_id!=7", Condition("user_id", "!=", "7")),
        ("declined card", Condition("message", "~", "declined card")),
    ],
)
def test_conditions_are_written_as_one_would(term: str, condition: Condition) -> None:
    assert parse_condition(term) == condition


def test_a_level_that_there_is_not_is_named() -> None:
    with pytest.raises(OptionError, match="Did you mean 'WARNING'"):
        parse_condition("level>=WARNNG")


def test_a_segment_whose_index_lacks_the_id_is_not_read(write_log: Write, log_line: Line) -> None:
    log = write_log([([log_line(number * 360)], "gzip") for number in range(3)], [])
    newest, middle, oldest = (file for file in files_of(log) if file.compressed)
    for file, ids in ((newest, b"another"), (middle, b"wanted"), (oldest, b"another")):
        collector = IdCollector()
        collector.add(b'{"correlation_id":"%b"}\n' % ids)
        index_path(file.path).write_bytes(collector.index() or b"")
    line = json.dumps({"timestamp": "2027-01-15T09:00:00Z", "correlation_id": "wanted", "message": "here"}).encode()
    middle.path.write_bytes(gzip.compress(line + b"\n"))
    for file in (newest, oldest):
        file.path.write_bytes(b"this would be a problem, were it read")

    found = find_request(files_of(log), "wanted", everywhere=True)

    assert (messages(found.lines), found.problems) == (["here"], ())
    assert find_request(files_of(log), "never-was").problems == ()


def test_a_search_ends_when_its_caller_has_heard_enough(log: Path) -> None:
    asked: list[LogFile] = []
    files = files_of(log)

    found = find_request(files, "never-was", threads=1, go_on=lambda file: asked.append(file) or len(asked) < 2)

    assert asked == files[:2]
    assert (found.files_read, found.files_left) == (2, 2)


def test_no_id_is_nobodys(log: Path) -> None:
    assert find_request(files_of(log), "").lines == ()
