"""The frame codec: whole frames come back, whatever surrounds them."""

from __future__ import annotations

from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from aura_logging.resilience.journal.frames import FRAME, FRAME_BYTES, Damage, FrameKey, RawFrame, scan

KEY = FrameKey(b"\xffabc", 0x12345678)


def frame(number: int, line: bytes, level: int = 20, kind: int = 0, key: FrameKey = KEY) -> bytes:
    ticket, tag = key.first_ticket + number, level | kind << 24
    return FRAME.pack(key.marker, len(line), crc32(line, ticket ^ tag), ticket, tag) + line


def lines(content: bytes, start: int = 0) -> list[bytes]:
    return [found.line for found in scan(content, start, KEY) if isinstance(found, RawFrame)]


def damages(content: bytes) -> list[Damage]:
    return [found for found in scan(content, 0, KEY) if isinstance(found, Damage)]


def test_frames_come_back_in_order_with_their_level_and_kind() -> None:
    content = frame(0, b"one\n", 40, 7) + frame(1, b"") + frame(2, b"three\n", 0) + bytes(100)

    found = list(scan(content, 0, KEY))

    assert found == [
        RawFrame(0, 40, 7, b"one\n", FRAME_BYTES + 4),
        RawFrame(1, 20, 0, b"", 2 * FRAME_BYTES + 4),
        RawFrame(2, 0, 0, b"three\n", 3 * FRAME_BYTES + 10),
    ]


def test_a_corrupt_frame_is_skipped_counted_and_does_not_stop_the_scan() -> None:
    content = bytearray(b"".join(frame(n, b"line %d\n" % n) for n in range(6)) + bytes(50))
    size = FRAME_BYTES + 7
    content[2 * size + FRAME_BYTES] ^= 1
    content[3 * size] ^= 1

    assert lines(bytes(content)) == [b"line 0\n", b"line 1\n", b"line 4\n", b"line 5\n"]
    assert damages(bytes(content)) == [Damage(2 * size, 2)]


def test_a_frame_cut_off_by_a_kill_is_a_torn_end() -> None:
    whole, torn = frame(0, b"whole\n"), frame(1, b"x" * 100)

    for kept in (1, FRAME_BYTES, FRAME_BYTES + 99):
        content = whole + torn[:kept] + bytes(200)
        assert lines(content) == [b"whole\n"]
        assert [damage.frames for damage in damages(content)] == [None]


def test_room_never_written_is_no_damage() -> None:
    assert list(scan(bytes(10_000), 0, KEY)) == []
    assert list(scan(b"", 0, KEY)) == []
    assert damages(frame(0, b"x") + bytes(10_000)) == []


def test_frames_of_an_earlier_use_of_the_file_are_not_taken_for_frames() -> None:
    other = FrameKey(b"\xffxyz", 99)
    same_marker = FrameKey(KEY.marker, 99)

    content = frame(0, b"now\n") + frame(1, b"then\n", key=other) + frame(1, b"then\n", key=same_marker)

    assert lines(content) == [b"now\n"]


def test_a_line_that_quotes_a_whole_frame_is_only_a_line() -> None:
    forged = frame(1, b"forged\n")

    assert lines(frame(0, forged) + frame(1, b"real\n")) == [forged, b"real\n"]


def test_a_frame_cannot_claim_to_come_before_the_one_in_front_of_it() -> None:
    assert lines(frame(5, b"five\n") + frame(4, b"four\n") + frame(6, b"six\n")) == [b"five\n", b"six\n"]


def test_hostile_content_does_not_make_the_scan_quadratic() -> None:
    # Every candidate claims the whole rest of the file: naively 25,000 checksums of up to a megabyte.
    size = 1 << 20
    content = bytearray(size)
    for offset in range(0, size - FRAME_BYTES, 40):
        FRAME.pack_into(content, offset, KEY.marker, size - offset - FRAME_BYTES, 1, KEY.first_ticket, 20)

    assert lines(bytes(content)) == []


@given(
    written=st.lists(st.binary(max_size=60), max_size=30),
    flips=st.lists(st.tuples(st.integers(min_value=0), st.integers(1, 255)), max_size=8),
    cut=st.none() | st.integers(min_value=0, max_value=3000),
    garbage=st.binary(max_size=80),
)
def test_damage_only_ever_takes_frames_away(
    written: list[bytes], flips: list[tuple[int, int]], cut: int | None, garbage: bytes
) -> None:
    content = bytearray(b"".join(frame(n, line) for n, line in enumerate(written)) + bytes(64))
    for where, bits in flips:
        content[where % len(content)] ^= bits
    damaged = bytes(content[:cut]) + garbage

    found = [f for f in scan(damaged, 0, KEY) if isinstance(f, RawFrame)]

    assert all(written[f.number] == f.line for f in found)
    assert [f.number for f in found] == sorted({f.number for f in found})
    if not flips and cut is None:
        assert len(found) == len(written)


@given(st.binary(max_size=2000), st.integers(0, 2100))
def test_no_content_makes_it_raise(content: bytes, start: int) -> None:
    assert [f for f in scan(content, start, KEY) if isinstance(f, RawFrame)] == []
