"""A Django project is in the fast lane unless it says no, by a setting or from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROJECT = """
    import logging, sys
    from django.conf import settings
    from aura_logging import presets

    aura = {aura}
    settings.configure(
        INSTALLED_APPS=["aura_logging.django"], LOGGING=presets.production(log_dir=sys.argv[1]), AURA=aura,
        SECRET_KEY="x", DATABASES={{}},
    )
    import django
    django.setup()

    log = logging.getLogger("shop")
    log.info("hello")
    from aura_logging.fast_lane import FastLogger
    print(type(log) is FastLogger, type(logging.getLogger("later")) is FastLogger)
    print(any(lane.is_open for lane in getattr(log, "_aura_lanes", {{}}).values()))
"""


def run(directory: Path, aura: object = None, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROJECT).format(aura=aura or {}), str(directory)],
        env={**os.environ, **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("aura", "environ", "expected"),
    [
        ({}, {}, ["True True", "True"]),
        ({"FAST_LANE": {"enabled": False}}, {}, ["False False", "False"]),
        ({}, {"AURA_FAST_LANE": "off"}, ["False False", "False"]),
    ],
)
def test_it_is_on_unless_somebody_says_no(
    tmp_path: Path, aura: object, environ: dict[str, str], expected: list[str]
) -> None:
    done = run(tmp_path, aura, **environ)

    assert done.stdout.splitlines() == expected, done.stderr


def test_an_answer_that_is_none_stops_the_start(tmp_path: Path) -> None:
    done = run(tmp_path, AURA_FAST_LANE="perhaps")

    assert done.returncode
    assert "AURA_FAST_LANE" in done.stderr.splitlines()[-1]
