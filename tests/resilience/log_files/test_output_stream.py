from __future__ import annotations

import fcntl
import os
import select
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from aura_logging.resilience.log_files.output_stream import OutputStream


@dataclass
class Pipe:
    reader: int
    writer: int

    def fill(self, free_bytes: int) -> None:
        """Leave room for so many bytes, as far as whole pages allow."""
        capacity = fcntl.fcntl(self.writer, fcntl.F_GETPIPE_SZ)
        os.write(self.writer, b"." * (capacity - free_bytes))

    def read(self) -> bytes:
        return os.read(self.reader, 1_000_000)


@pytest.fixture(params=[True, False], ids=["blocking", "not blocking"])
def pipe(request: pytest.FixtureRequest) -> Iterator[Pipe]:
    reader, writer = os.pipe()
    os.set_blocking(writer, request.param)
    yield Pipe(reader, writer)
    os.close(reader)
    os.close(writer)


def test_lines_arrive_in_order(pipe: Pipe) -> None:
    OutputStream(pipe.writer, 5.0).write([b"one\n", b"two\n"])

    assert pipe.read() == b"one\ntwo\n"


def test_lines_travel_in_pieces_that_a_pipe_takes_whole() -> None:
    # A pipe in packet mode gives back what one write brought.
    reader, writer = os.pipe2(os.O_DIRECT)
    lines = [b"%05d %s\n" % (number, b"x" * 500) for number in range(20)]

    OutputStream(writer, 5.0).write(lines)

    packets = [os.read(reader, 65_536) for _ in range(3)]
    assert b"".join(packets) == b"".join(lines)
    assert all(len(packet) <= select.PIPE_BUF and packet.endswith(b"\n") for packet in packets)
    os.close(reader)
    os.close(writer)


def test_a_pipe_that_nobody_reads_from_is_an_error_in_the_end(pipe: Pipe) -> None:
    pipe.fill(free_bytes=0)

    with pytest.raises(TimeoutError, match=r"the reader took nothing for 0\.0 s"):
        OutputStream(pipe.writer, 0.0).write([b"line\n"])


def test_after_half_a_line_the_next_one_begins_afresh(pipe: Pipe) -> None:
    pipe.fill(free_bytes=select.PIPE_BUF)
    stream = OutputStream(pipe.writer, 0.0)

    with pytest.raises(TimeoutError):
        stream.write([b"x" * (select.PIPE_BUF + 100) + b"\n"])
    pipe.read()
    assert stream.is_torn
    OutputStream(pipe.writer, 5.0, is_torn=stream.is_torn).write([b"whole\n"])

    assert pipe.read() == b"\nwhole\n"


def test_a_reader_that_left_is_an_error(pipe: Pipe) -> None:
    os.close(pipe.reader)

    with pytest.raises(BrokenPipeError):
        OutputStream(pipe.writer, 5.0).write([b"line\n"])

    pipe.reader = os.open("/dev/null", os.O_RDONLY)  # for the fixture to close
