"""Each check finds what it is for, says what to do, and leaves a sound configuration alone."""

from __future__ import annotations

import copy
import logging
import logging.config
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings
from django.core import checks as django_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from aura_logging import presets
from aura_logging.django.checks import check_at_start, check_before_deployment
from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.resilience.journal import filesystems

DOCS = Path(__file__).resolve().parents[2] / "docs" / "health.md"
OURS = "aura_logging.django.middleware"
MIDDLEWARE = [
    f"{OURS}.PerformanceMonitoringMiddleware",
    "django.middleware.common.CommonMiddleware",
    f"{OURS}.DatabaseQueryTrackingMiddleware",
]


def mail_by(backend: str) -> dict[str, Any]:
    """Return the settings that have mail sent by this backend, as this Django spells them."""
    path = f"django.core.mail.backends.{backend}.EmailBackend"
    return {"MAILERS": {"default": {"BACKEND": path}}} if django.VERSION >= (6, 1) else {"EMAIL_BACKEND": path}


SOUND = {
    "MIDDLEWARE": MIDDLEWARE,
    "ADMINS": [("On call", "oncall@example.com")],
    **mail_by("smtp"),
    "ROOT_URLCONF": "misbehaving.urls",
}

Logging = dict[str, Any]
Change = Callable[[Logging], None]


@pytest.fixture
def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Logging]:
    """The production preset in a directory of its own."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "misbehaving.settings")
    config = presets.production(log_dir=tmp_path / "logs")
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")
    yield config
    root, shop = logging.getLogger(), logging.getLogger("shop")
    for handler in root.handlers:
        if isinstance(handler, MetricsHandler):
            handler.close()
    shop.handlers, root.filters, shop.filters = [], [], []
    logging.getLogger("django.db.backends").setLevel(logging.NOTSET)


def found(config: Logging, *, deploy: bool = False, **overrides: Any) -> dict[str, django_checks.CheckMessage]:
    """Return the messages of a project with these settings, by id."""
    with override_settings(LOGGING=config, **(SOUND | overrides)):
        logging.config.dictConfig(settings.LOGGING)
        messages = check_at_start() + (check_before_deployment() if deploy else [])
    return {str(message.id): message for message in messages}


def test_a_sound_project_is_left_alone(sound: Logging) -> None:
    assert found(sound, deploy=True) == {}


def test_debug_records_that_a_request_buffer_holds_back_are_no_fault(
    sound: Logging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "misbehaving.settings")
    config = presets.production(log_dir=tmp_path / "logs", request_buffer=True)
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")

    assert found(config, deploy=True) == {}


def test_a_development_preset_is_sound_while_developing(tmp_path: Path) -> None:
    assert found(presets.development(log_dir=tmp_path)) == {}


def handler(name: str, **options: Any) -> Change:
    """Add a handler to the root logger."""

    def change(config: Logging) -> None:
        config["handlers"][name] = options
        config["root"]["handlers"].append(name)

    return change


def put(*path: str, to: Any) -> Change:
    def change(config: Logging) -> None:
        at = config
        for key in path[:-1]:
            at = at.setdefault(key, {})
        at[path[-1]] = to

    return change


TEXT = {"formatters": {"text": {"format": "%(correlation_id)s %(message)s"}}}

CHANGES: list[tuple[str, Change, str]] = [
    (
        "aura.E001",
        lambda config: (
            config["formatters"].update(TEXT["formatters"]),
            handler("bare", **{"class": "logging.StreamHandler", "formatter": "text"})(config),
        )[0],
        "bare: its format wants correlation_id",
    ),
    ("aura.W001", handler("mail", **{"class": "django.utils.log.AdminEmailHandler"}), "mail: it sends records away"),
    (
        "aura.W001",
        handler("syslog", **{"class": "logging.handlers.SysLogHandler", "address": ("192.0.2.7", 514)}),
        "syslog ('192.0.2.7', 514)",
    ),
    (
        "aura.W004",
        handler("old", **{"class": "logging.handlers.RotatingFileHandler", "filename": "{logs}/old.log",
                          "maxBytes": 1000, "backupCount": 3, "delay": True}),
        "old: RotatingFileHandler renames the file under other workers",
    ),
    (
        "aura.W005",
        handler("queue", **{"()": "logging.handlers.QueueHandler", "queue": __import__("queue").Queue()}),
        "queue: its queue has no limit",
    ),
    (
        "aura.W006",
        put("loggers", "shop", to={"handlers": ["console"]}),
        "shop: every line is written twice: by console and, because it propagates, by console.",
    ),
    (
        "aura.W006",
        lambda config: (
            config["handlers"].update(second={"class": "logging.StreamHandler"}),
            put("loggers", "shop", to={"handlers": ["second"]})(config),
        )[0],
        "by second and, because it propagates, by console",
    ),
    (
        "aura.W009",
        put("handlers", "metrics", "filters", to=["request_context", "sampling"]),
        "metrics: records are sampled before they are counted",
    ),
    ("aura.W009", put("root", "filters", to=["sampling"]), "metrics: records are sampled before they are counted"),
    (
        "aura.W010",
        put("loggers", "shop", to={"filters": ["security"]}),
        "shop: its SecurityFilter does not see what child loggers log",
    ),
    ("aura.W101", put("root", "level", to="DEBUG"), "root: it is at DEBUG"),
    ("aura.W101", put("loggers", "django.db.backends", "level", to="DEBUG"), "django.db.backends: it is at DEBUG"),
    ("aura.W106", put("handlers", "metrics", "store", to="memory://checks"), "each process's memory"),
    (
        "aura.W110",
        handler("plain", **{"class": "logging.FileHandler", "filename": "{logs}/plain.log", "delay": True}),
        "it grows until the disk is full",
    ),
    (
        "aura.W110",
        put("handlers", "json", "backup_count", to=None),
        "json: its closed segments are never removed",
    ),
    ("aura.W112", put("handlers", "metrics", "alerts", to=False), "no alert rule is evaluated"),
    ("aura.W113", put("loggers", "aura.alerts", to={}), "alerts are only written to files and streams"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "change", "problem"), CHANGES, ids=[f"{code} {text[:20]}" for code, _, text in CHANGES]
)
def test_what_is_wrong_with_logging_is_found(sound: Logging, code: str, change: Change, problem: str) -> None:
    logs = Path(sound["handlers"]["json"]["filename"]).parent
    if code == "aura.W113":
        sound["root"]["handlers"].remove("critical_alerts")
    change(sound)
    for options in sound["handlers"].values():
        if "{logs}" in str(options.get("filename")):
            options["filename"] = options["filename"].format(logs=logs)

    message = found(sound, deploy=True)[code]

    assert problem in message.msg
    assert message.hint


@pytest.mark.parametrize(
    ("code", "overrides", "problem"),
    [
        ("aura.E003", {"MIDDLEWARE": MIDDLEWARE[::-1]}, "stands before PerformanceMonitoringMiddleware"),
        ("aura.E004", {"MIDDLEWARE": [MIDDLEWARE[0], *MIDDLEWARE]}, "listed twice"),
        ("aura.W002", {"MIDDLEWARE": [MIDDLEWARE[1], MIDDLEWARE[0], MIDDLEWARE[2]]}, "is number 2"),
        ("aura.W002", {"MIDDLEWARE": MIDDLEWARE[1:]}, "is missing: requests get no id"),
        ("aura.W003", {"MIDDLEWARE": [MIDDLEWARE[0], MIDDLEWARE[2], MIDDLEWARE[1]]}, "is not the last"),
        ("aura.W003", {"MIDDLEWARE": MIDDLEWARE[:2]}, "is missing: queries are not counted"),
        ("aura.E005", {"AURA": {"CONTEXT": {"trusted_proxies": ["0.0.0.0/0"]}}}, "anybody in it may say to be any"),
        ("aura.E005", {"AURA": {"CONTEXT": {"trusted_proxies": ["::/0"]}}}, "anybody in it may say to be any client"),
        ("aura.W014", {"AURA": {"METRICS": {"allowed_networks": ["0.0.0.0/0"]}}}, "lets half the world read"),
        ("aura.W012", {"USE_X_FORWARDED_HOST": True}, "client_ip is the proxy's on every line"),
        ("aura.W105", {"AURA": {"METRICS": {"store": "redis://127.0.0.1:1/0"}}}, "does not answer"),
        ("aura.W107", {"ADMINS": []}, "nobody is told"),
        ("aura.W108", mail_by("console"), "sends nothing"),
        ("aura.W109", {"AURA": {"PERFORMANCE": {"slow_request_seconds": 5.0}}}, "disagree about the same"),
        (
            "aura.W109",
            {"AURA": {"PERFORMANCE": {"max_queries": 9000}, "ALERTS": {"max_queries": 9000}}},
            "no request will ever be told",
        ),
        ("aura.W111", {"ROOT_URLCONF": "django.contrib.auth.urls"}, "/aura/ is not served"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_settings_is_found(
    sound: Logging, code: str, overrides: dict[str, Any], problem: str
) -> None:
    message = found(sound, deploy=True, **overrides)[code]

    assert problem in message.msg
    assert message.hint


def test_a_rotating_file_is_no_fault_while_one_process_develops(sound: Logging, tmp_path: Path) -> None:
    handler("old", **{"class": "logging.handlers.RotatingFileHandler", "filename": str(tmp_path / "old.log"),
                      "maxBytes": 1000, "backupCount": 3, "delay": True})(sound)  # fmt: skip

    assert found(sound, DEBUG=True) == {}


def test_a_place_that_cannot_be_written_is_found(sound: Logging, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    sound["handlers"]["json"]["filename"] = str(tmp_path / "file" / "app.jsonl")

    message = found(sound)["aura.E002"]

    assert f"{tmp_path}/file is no directory" in message.msg
    assert 'LOGGING["handlers"]["json"]["filename"]' in str(message.hint)


def test_journals_and_databases_on_a_network_disk_are_found(sound: Logging, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_logging.diagnostics import logging_checks

    monkeypatch.setattr(logging_checks, "is_network_filesystem", lambda path: True)
    monkeypatch.setattr(logging_checks, "filesystem_type", lambda path: "nfs4")

    messages = found(sound)

    assert "lies on a network file system (nfs4)" in messages["aura.W008"].msg
    assert "lies on a network file system (nfs4)" in messages["aura.W011"].msg
    assert filesystems.filesystem_type(Path("/")) != "nfs4"


def test_logs_that_everybody_may_read_are_found(sound: Logging, tmp_path: Path) -> None:
    (tmp_path / "logs").chmod(0o755)

    message = found(sound, deploy=True)["aura.W104"]

    assert "everybody on this host may read it (mode 755)" in message.msg
    assert message.hint == f"chmod 750 {tmp_path}/logs"


def test_sentry_without_our_hooks_or_without_a_start_is_found(sound: Logging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sentry_sdk")
    import sentry_sdk

    from aura_logging.integrations.sentry import init_from_env

    assert "no DSN is set" in found(sound, deploy=True)["aura.W103"].msg
    monkeypatch.setenv("SENTRY_DSN", "http://key@127.0.0.1:1/1")
    assert "was not started" in found(sound, deploy=True)["aura.W102"].msg
    try:
        sentry_sdk.init(dsn="http://key@127.0.0.1:1/1", default_integrations=False)
        assert "started without our hooks" in found(sound)["aura.W007"].msg
        init_from_env(default_integrations=False)
        assert found(sound, deploy=True) == {}
        init_from_env(default_integrations=False, before_send=lambda event, hint: event)
        assert found(sound) == {}
    finally:
        sentry_sdk.init(dsn="", default_integrations=False)


def test_django_runs_them_and_an_error_stops_the_start(sound: Logging) -> None:
    with override_settings(LOGGING=sound, **(SOUND | {"MIDDLEWARE": MIDDLEWARE[::-1]})):
        logging.config.dictConfig(copy.deepcopy(sound))
        with pytest.raises(SystemCheckError, match=r"aura\.E003"):
            call_command("check", "--tag", "aura")


def test_the_page_about_health_lists_every_id_that_there_is() -> None:
    sources = [
        *(Path(check_at_start.__code__.co_filename).parent.glob("*.py")),
        *(Path(presets.__file__).parent / "diagnostics").glob("*.py"),
    ]
    written = {code for path in sources for code in re.findall(r'"(aura\.[EW]\d+)"', path.read_text())}

    listed = set(re.findall(r"^\| `(aura\.[EW]\d+)` \|", DOCS.read_text(), re.M))

    assert listed == written
