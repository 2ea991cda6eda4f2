"""`manage.py aura_assets` writes what other products need, and nobody's own work over."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from aura_logging import assets
from aura_logging.assets.next_steps import NEXT_STEPS


def written(*arguments: str) -> tuple[list[Path], str]:
    out, err = StringIO(), StringIO()
    call_command("aura_assets", *arguments, stdout=out, stderr=err, no_color=True)
    return [Path(line) for line in out.getvalue().splitlines()], err.getvalue()


@pytest.mark.parametrize("kind", assets.KINDS)
def test_the_files_are_named_on_stdout_and_what_comes_next_on_stderr_in_80_columns(kind: str, tmp_path: Path) -> None:
    paths, said = written(kind, "--out", str(tmp_path / "new" / "place"))

    assert sorted(paths) == sorted((tmp_path / "new" / "place").iterdir())
    assert said == NEXT_STEPS[kind]
    assert max(map(len, said.splitlines())) <= 80


def test_the_project_s_thresholds_are_in_the_rules(tmp_path: Path) -> None:
    with override_settings(AURA={"ALERTS": {"max_error_rate": 0.02, "disabled": ["memory"]}}):
        written("prometheus", "--out", str(tmp_path))

    rules = (tmp_path / "aura-rules.yml").read_text()
    assert "aura:request_error_ratio:rate5m > 0.02" in rules
    assert "AuraMemory" not in rules


def test_a_file_that_was_edited_is_kept_unless_force_is_given(tmp_path: Path) -> None:
    written("prometheus", "--out", str(tmp_path))
    (tmp_path / "prometheus.yml").write_text("mine")
    (tmp_path / "aura-rules.yml").unlink()

    with pytest.raises(CommandError, match=r"prometheus\.yml: there already.*Nothing was written; --force"):
        written("prometheus", "--out", str(tmp_path))

    assert (tmp_path / "prometheus.yml").read_text() == "mine"
    assert not (tmp_path / "aura-rules.yml").exists()
    written("prometheus", "--out", str(tmp_path), "--force")
    assert (tmp_path / "prometheus.yml").read_text() != "mine"


def test_writing_the_same_again_is_harmless(tmp_path: Path) -> None:
    once, _ = written("elk", "--out", str(tmp_path))

    assert written("elk", "--out", str(tmp_path))[0] == once


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(CommandError, match=r"--out .*file cannot be written to: "):
        written("elk", "--out", str(tmp_path / "file"))


def test_exit_codes_and_words_in_a_shell(manage: Callable[..., Any], tmp_path: Path) -> None:
    unknown = manage("aura_assets", "graphana", "--out", str(tmp_path))
    done = manage("aura_assets", "grafana", "--out", str(tmp_path))

    assert (unknown.returncode, done.returncode) == (2, 0)
    assert "grafana" in unknown.stderr
    assert done.stdout.splitlines() == [str(tmp_path / "aura-dashboard.json")]
