"""Compress a finished file so that a crash never leaves half a result under the final name."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aura_logging.options import OptionError, nearest
from aura_logging.resilience.log_files.compressor import Compressor
from aura_logging.resilience.log_files.descriptors import Descriptors

__all__ = ["Codec", "choose_codec", "compress_file"]

_CHUNK_BYTES = 256 * 1024
"""About 3 ms of gzip: how long a shutdown or another greenlet has to wait for the next step."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A compression format: the suffix of its files and how to begin one."""

    suffix: str
    begin: Callable[[], Compressor]


def _begin_gzip() -> Compressor:
    return zlib.compressobj(level=6, wbits=31)  # 31: a gzip header and checksum, not a bare zlib stream


def choose_codec(name: str | None) -> Codec | None:
    """Return the codec of that name; `None` means that files stay as they are.

    Raises `OptionError` for an unknown name, and for `zstd` where no library offers it.
    """
    if name is None:
        return None
    if name == "gzip":
        return Codec(".gz", _begin_gzip)
    if name == "zstd":
        try:
            from aura_logging.resilience.log_files import zstd
        except ImportError as error:
            raise OptionError(
                "compress='zstd' needs a library that is not installed; use compress='gzip' or run: "
                'pip install "aura-logging[zstd]"'
            ) from error
        return Codec(".zst", zstd.begin)
    raise OptionError(f"compress={name!r} is not a format known here. {nearest(str(name), ('gzip', 'zstd'))}")


def compress_file(
    source: Path,
    target: Path,
    partial: Path,
    codec: Codec,
    files: Descriptors,
    should_stop: Callable[[], bool] = lambda: False,
    on_data: Callable[[bytes], object] = lambda data: None,
) -> bool:
    """Put a compressed copy of `source` at `target`; false, and no trace of it, if it was told to stop.

    The copy is written under the name `partial`, in the source's directory, and renamed once its bytes are on the
    disk; it takes over the source's mode, owner and times. The source stays. Raises `OSError`, and removes what it
    had written, when the disk does not take it. `on_data` sees each piece of the source, in order.
    """
    reader = files.open(source, os.O_RDONLY)
    try:
        writer = files.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            finished = _copy(reader, writer, codec.begin(), should_stop, on_data)
            if finished:
                _take_over_attributes(reader, writer)
                os.fsync(writer)
        except BaseException:
            partial.unlink(missing_ok=True)  # what went wrong may have been that somebody removes it
            raise
        finally:
            files.close(writer)
    finally:
        files.close(reader)
    if not finished:
        partial.unlink(missing_ok=True)
        return False
    partial.rename(target)
    _sync_directory(target.parent, files)
    return True


def _copy(
    reader: int,
    writer: int,
    compressor: Compressor,
    should_stop: Callable[[], bool],
    on_data: Callable[[bytes], object],
) -> bool:
    while data := os.read(reader, _CHUNK_BYTES):
        on_data(data)
        _write_all(writer, compressor.compress(data))
        if should_stop():
            return False
        time.sleep(0)  # under gevent this thread is a greenlet; let the others run
    _write_all(writer, compressor.flush())
    return True


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _take_over_attributes(reader: int, writer: int) -> None:
    original = os.fstat(reader)
    if os.geteuid() == 0:  # nobody else may give a file away
        os.fchown(writer, original.st_uid, original.st_gid)
    os.fchmod(writer, original.st_mode & 0o777)
    os.utime(writer, ns=(original.st_atime_ns, original.st_mtime_ns))


def _sync_directory(directory: Path, files: Descriptors) -> None:
    # Without this a power cut could keep the removal of the source and forget the name of its copy.
    fd = files.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        files.close(fd)
