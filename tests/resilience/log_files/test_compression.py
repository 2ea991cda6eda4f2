from __future__ import annotations

import gzip
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import zstandard

from aura_logging.options import OptionError
from aura_logging.resilience.log_files.compression import Codec, choose_codec, compress_file
from aura_logging.resilience.log_files.descriptors import Descriptors

LINES = b"".join(b'{"message":"line %d"}\n' % number for number in range(50_000))


def decompress(path: Path) -> bytes:
    data = path.read_bytes()
    return (
        gzip.decompress(data) if path.suffix == ".gz" else zstandard.ZstdDecompressor().decompressobj().decompress(data)
    )


def codec(name: str) -> Codec:
    chosen = choose_codec(name)
    assert chosen is not None
    return chosen


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "segment"
    path.write_bytes(LINES)
    path.chmod(0o604)
    os.utime(path, ns=(1_700_000_000_000_000_000, 1_700_000_000_123_456_789))
    return path


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_the_copy_holds_the_same_bytes_under_the_same_attributes(name: str, source: Path) -> None:
    target = source.with_suffix(codec(name).suffix)

    assert compress_file(source, target, source.with_suffix(".partial"), codec(name), Descriptors())

    assert decompress(target) == LINES
    assert target.stat().st_size < len(LINES) / 5
    assert target.stat().st_mode & 0o777 == 0o604
    assert target.stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert sorted(path.name for path in source.parent.iterdir()) == ["segment", target.name]


def test_the_final_name_appears_only_when_the_copy_is_whole(source: Path) -> None:
    target, partial = source.with_suffix(".gz"), source.with_suffix(".partial")
    seen: list[tuple[bool, bool]] = []

    compress_file(
        source,
        target,
        partial,
        codec("gzip"),
        Descriptors(),
        should_stop=lambda: bool(seen.append((target.exists(), partial.exists()))),
    )

    assert len(seen) > 2
    assert set(seen) == {(False, True)}


def test_told_to_stop_it_leaves_no_trace(source: Path) -> None:
    assert not compress_file(
        source,
        source.with_suffix(".gz"),
        source.with_suffix(".partial"),
        codec("gzip"),
        Descriptors(),
        should_stop=lambda: True,
    )

    assert list(source.parent.iterdir()) == [source]


def test_an_error_leaves_no_trace_and_no_open_descriptor(source: Path) -> None:
    class Failing:
        def compress(self, data: bytes) -> bytes:
            raise OSError(28, "No space left on device")

        def flush(self) -> bytes:
            return b""

    before = len(list(Path("/proc/self/fd").iterdir()))

    with pytest.raises(OSError, match="No space"):
        compress_file(
            source,
            source.with_suffix(".gz"),
            source.with_suffix(".partial"),
            Codec(".gz", Failing),
            Descriptors(),
        )

    assert list(source.parent.iterdir()) == [source]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_no_compression_is_a_choice() -> None:
    assert choose_codec(None) is None


def test_an_unknown_format_is_refused_with_the_nearest_known() -> None:
    with pytest.raises(OptionError, match=r"compress='gzp' .* Did you mean 'gzip'\?"):
        choose_codec("gzp")


def test_zstd_without_its_library_names_the_extra_to_install() -> None:
    script = textwrap.dedent("""
        import sys
        sys.modules["zstandard"] = sys.modules["compression.zstd"] = None
        from aura_logging.resilience.log_files.compression import choose_codec
        choose_codec("gzip")
        try:
            choose_codec("zstd")
        except ValueError as error:
            print(error)
    """)

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert done.stdout.strip().endswith('pip install "aura-logging[zstd]"'), done.stderr
