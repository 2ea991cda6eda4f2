"""A preset is plain data that configures real logging, or an error at start-up that says what to change."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aura_logging import presets
from aura_logging.options import OptionError

PRESETS: dict[str, Callable[..., dict[str, Any]]] = {
    "production": presets.production,
    "development": presets.development,
    "testing": presets.testing,
}
HANDLERS = {"console", "json", "async_file", "failover", "security", "metrics", "critical_alerts"}
FILTERS = {"request_context", "sampling", "security"}
FORMATTERS = {"json", "console", "security"}


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("AURA_LOG_DIR", "SERVICE_NAME", "ENVIRONMENT", "VERSION", "REDIS_URL", "DJANGO_SETTINGS_MODULE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def run(script: str, *, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=cwd, env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("preset", PRESETS)
def test_the_names_are_those_that_were_promised(preset: str) -> None:
    config = PRESETS[preset]()

    assert set(config["handlers"]) >= HANDLERS
    assert set(config["filters"]) >= FILTERS
    assert set(config["formatters"]) >= FORMATTERS
    assert config["disable_existing_loggers"] is False


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_plain_json_and_new_each_time(preset: str) -> None:
    config = PRESETS[preset](sample_rates={"INFO": 0.25})
    assert json.loads(json.dumps(config)) == config

    pristine = json.dumps(PRESETS[preset]())
    spoilt = PRESETS[preset]()
    for section in ("handlers", "filters", "formatters", "loggers"):
        for part in spoilt[section].values():
            for value in part.values():
                if isinstance(value, (list, dict)):
                    value.clear()
            part["spoilt"] = True
    spoilt["root"]["handlers"].append("spoilt")

    assert json.dumps(PRESETS[preset]()) == pristine


@pytest.mark.parametrize("preset", PRESETS)
def test_the_options_given_are_not_kept(preset: str) -> None:
    rates = {"INFO": 0.25}
    config = PRESETS[preset](sample_rates=rates)

    config["filters"]["sampling"]["rates"]["INFO"] = 1

    assert rates == {"INFO": 0.25}


ASSIGNMENTS = """
import json, logging, logging.config, sys
from aura_logging import presets

LOGGING = presets.{preset}(log_dir="logs")
LOGGING["handlers"]["async_file"]["buffer_size"] = 500
LOGGING["handlers"]["console"]["filters"].append("sampling")
LOGGING["loggers"]["django"]["level"] = "WARNING"
logging.config.dictConfig(LOGGING)
console = next(h for h in logging.getLogger().handlers if h.name == "console")
print(json.dumps({{
    "django": logging.getLogger("django").level,
    "console": [type(f).__name__ for f in console.filters],
    "handlers": sorted(h.name for h in logging.getLogger().handlers),
}}))
logging.getLogger("shop").warning("card %s\\nforged", "declined", extra={{"order_id": 7}})
logging.getLogger("django.request").info("not wanted any more")
"""


@pytest.mark.parametrize("preset", PRESETS)
def test_the_three_assignments_of_the_manual_work_unchanged(preset: str, tmp_path: Path) -> None:
    outcome = run(ASSIGNMENTS.format(preset=preset), cwd=tmp_path)

    assert outcome.returncode == 0, outcome.stderr
    seen = json.loads(outcome.stdout)
    assert seen["django"] == logging.WARNING
    assert seen["console"][-1] == "SamplingFilter"
    assert "card declined\\nforged order_id=7" in outcome.stderr
    assert "not wanted" not in outcome.stderr
    log = tmp_path / "logs" / "app.jsonl"
    if preset == "testing":
        assert not log.exists()
        return
    (line,) = (json.loads(line) for line in log.read_text().splitlines())
    assert (line["message"], line["order_id"], line["service_name"]) == ("card declined\nforged", 7, "aura")


def test_the_testing_preset_leaves_nothing_on_disk_and_starts_no_thread(tmp_path: Path) -> None:
    outcome = run(
        """
        import logging, logging.config, threading
        from aura_logging import presets
        logging.config.dictConfig(presets.testing())
        for name in ("shop", "aura.security", "django.security", "aura.request"):
            logging.getLogger(name).critical("hello")
        print([t.name for t in threading.enumerate()])
        """,
        cwd=tmp_path,
    )

    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout == "['MainThread']\n"
    assert outcome.stderr.count("hello") == 4
    assert list(tmp_path.iterdir()) == []


def test_development_keeps_everything_and_production_samples(tmp_path: Path) -> None:
    script = """
    import logging, logging.config, sys
    from aura_logging import presets
    logging.config.dictConfig(presets.{preset}(level="DEBUG"))
    for number in range(400):
        logging.getLogger("shop").debug("debug", extra={{"correlation_id": str(number)}})
        logging.getLogger("shop").error("error", extra={{"correlation_id": str(number)}})
    """
    counted = {}
    for preset in ("development", "production"):
        home = tmp_path / preset
        home.mkdir()
        outcome = run(script.format(preset=preset), cwd=home)
        assert outcome.returncode == 0, outcome.stderr
        levels = [json.loads(line)["level"] for line in (home / "logs" / "app.jsonl").read_text().splitlines()]
        counted[preset] = (levels.count("DEBUG"), levels.count("ERROR"))

    assert counted["development"] == (400, 400)
    assert counted["production"][1] == 400
    assert 10 < counted["production"][0] < 90


def test_sql_is_there_for_who_asks_for_it() -> None:
    config = presets.development()

    assert config["loggers"]["django.db"]["level"] == "INFO"
    assert "level" not in config["loggers"]["django.db.backends"]  # a level set on either of the two counts
    assert config["root"]["level"] == "DEBUG"
    assert "sampling" not in config["handlers"]["console"]["filters"] + config["handlers"]["async_file"]["filters"]


@pytest.mark.parametrize("level", ["DEBUG", "debug", logging.DEBUG])
def test_a_level_is_a_name_or_a_number(level: Any) -> None:
    assert presets.production(level=level)["root"]["level"] == "DEBUG"


def test_options_come_from_the_environment_and_the_caller_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable, value in {
        "AURA_LOG_DIR": "elsewhere", "SERVICE_NAME": "shop", "ENVIRONMENT": "staging", "VERSION": "1.2",
        "REDIS_URL": "redis://127.0.0.1:6379/0",
    }.items():  # fmt: skip
        monkeypatch.setenv(variable, value)

    config = presets.production()
    mine = presets.production(log_dir=tmp_path / "mine", service_name="mine")

    context = config["filters"]["request_context"]
    assert (context["service_name"], context["environment"], context["version"]) == ("shop", "staging", "1.2")
    assert config["handlers"]["json"]["filename"] == "elsewhere/app.jsonl"
    assert config["handlers"]["metrics"]["store"] == "redis://127.0.0.1:6379/0"
    assert config["handlers"]["metrics"]["mirror"] == "elsewhere/metrics-live"
    assert mine["handlers"]["json"]["filename"] == f"{tmp_path}/mine/app.jsonl"
    assert mine["filters"]["request_context"]["service_name"] == "mine"
    assert (tmp_path / "elsewhere").is_dir()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"log_directory": "x"}, ("'log_directory'", "Did you mean 'log_dir'?")),
        ({"servicename": "x"}, ("'servicename'", "Did you mean 'service_name'?")),
        ({"log_dir": 7}, ("['log_dir']", "7", "a string")),
        ({"log_dir": None}, ("['log_dir']", "None")),
        ({"level": "LOUD"}, ("level='LOUD'", "Known: ")),
        ({"level": "warn1ng"}, ("level='warn1ng'", "Did you mean 'WARNING'?")),
        ({"level": 17}, ("level='17'", "DEBUG")),
        ({"level": True}, ("level='True'", "DEBUG")),
        ({"service_name": 7}, ("['service_name']", "7")),
        ({"sample_rates": 0.5}, ("['sample_rates']", "0.5", "a dict")),
        ({"metrics_store": "redis"}, ("metrics_store", "'redis'", "not a URL")),
    ],
)  # fmt: skip
def test_a_bad_option_is_an_error_that_names_it(preset: str, options: dict[str, Any], said: tuple[str, ...]) -> None:
    with pytest.raises(OptionError) as caught:
        PRESETS[preset](**options)

    for words in (f"presets.{preset}()", *said):
        assert words in str(caught.value)


@pytest.mark.parametrize("url", ["localhost:6379", "http://cache", "sqlite://metrics.db"])
def test_a_bad_value_in_the_environment_names_the_variable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", url)

    with pytest.raises(OptionError, match="REDIS_URL"):
        presets.production()


def test_only_a_store_elsewhere_needs_a_place_for_its_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:6379/0")

    assert presets.production()["handlers"]["metrics"]["mirror"] == "logs/metrics-live"
    assert presets.testing()["handlers"]["metrics"]["mirror"] is None
    assert presets.production(metrics_store="memory://")["handlers"]["metrics"]["mirror"] is None
    assert presets.production(metrics_store="sqlite:///m.db")["handlers"]["metrics"]["mirror"] is None


def test_a_password_in_a_bad_url_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redsi://user:hunter2@cache:6379/0")

    with pytest.raises(OptionError) as caught:
        presets.production()

    assert "hunter2" not in str(caught.value)


# Directories ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_directories_that_are_made_are_closed_to_strangers(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        presets.production(log_dir="var/log/shop")
    finally:
        os.umask(before)

    for made in ("var", "var/log", "var/log/shop"):
        assert stat.S_IMODE((tmp_path / made).stat().st_mode) == 0o750 & ~umask
    assert list((tmp_path / "var/log/shop").iterdir()) == []


def test_a_directory_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir(mode=0o755)
    (tmp_path / "logs").chmod(0o755)

    presets.production()

    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o755


@pytest.mark.parametrize("preset", ["production", "development"])
@pytest.mark.parametrize(
    "log_dir", ["a-file", "a-file/below", "/proc/no-such-place/logs", "null\0character", "x" * 300]
)
def test_a_directory_that_cannot_be_is_an_error_that_names_it_and_the_way_out(
    preset: str, log_dir: str, tmp_path: Path
) -> None:
    (tmp_path / "a-file").write_text("")

    with pytest.raises(OptionError) as caught:
        PRESETS[preset](log_dir=log_dir)

    assert repr(str(tmp_path / log_dir)) in str(caught.value)
    assert "AURA_LOG_DIR" in str(caught.value)


@pytest.mark.parametrize("log_dir", ["locked", "locked/below"])
def test_a_user_who_may_not_write_is_told_at_start_up(log_dir: str, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:  # whom no mode stops
                os.setgid(65534)
                os.setuid(65534)
            presets.production(log_dir=str(tmp_path / log_dir))
            said = "no error"
        except OptionError as error:
            said = str(error)
        except BaseException as error:
            said = repr(error)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    with os.fdopen(reading) as told:
        said = told.read()

    assert f"log_dir={str(tmp_path / log_dir)!r} cannot be written to: Permission denied" in said


def test_critical_records_go_to_admins_in_a_django_project(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "critical_alerts" not in presets.production()["root"]["handlers"]

    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "shop.settings")
    config = presets.production()

    assert "critical_alerts" in config["root"]["handlers"]
    throttle = config["handlers"]["critical_alerts"]["target"]
    assert throttle["class"] == "aura_logging.handlers.ThrottleHandler"
    assert throttle["target"] == {"class": "django.utils.log.AdminEmailHandler"}
