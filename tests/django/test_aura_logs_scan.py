"""Promises of `manage.py aura_logs scan`."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command


def scan(*files: Path) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command("aura_logs", "scan", *map(str, files), stdout=out, stderr=err)
    except SystemExit as end:
        code = int(end.code or 0)
    return code, out.getvalue(), err.getvalue()


def test_a_finding_is_told_by_place_and_kind_and_never_by_value(tmp_path: Path) -> None:
    plain, packed = tmp_path / "app.jsonl", tmp_path / "app-1.jsonl.gz"
    plain.write_text('{"message":"fine"}\n{"message":"card 4111111111111111"}\n')
    packed.write_bytes(gzip.compress(b'{"message":"ok","password":"hunter2"}\n'))

    code, out, err = scan(plain, packed)

    assert code == 1
    assert f"{plain}:2: credit_card in message" in out
    assert f"{packed}:1: secret" in out
    assert "4111" not in out + err
    assert "hunter2" not in out + err
    assert "2 of 2 files read" in err


def test_innocent_files_end_with_zero_and_no_data(tmp_path: Path) -> None:
    log = tmp_path / "app.jsonl"
    log.write_text('{"message":"order 123e4567-e89b-12d3-a456-426614174000 placed","duration":0.25}\n')

    code, out, err = scan(log)

    assert (code, out) == (0, "")
    assert "nothing found" in err


def test_a_damaged_file_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    torn = tmp_path / "app.jsonl.gz"
    torn.write_bytes(gzip.compress(b'{"message":"x"}\n' * 1000)[:40])

    code, _, err = scan(torn)

    assert code == 1
    assert "is damaged" in err


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is not a file") as error:
        call_command("aura_logs", "scan", str(tmp_path / "missing.jsonl"))

    assert error.value.returncode == 2
