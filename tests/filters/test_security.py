"""No canary comes out of any handler behind the filter, by any channel; and the caller's own objects stay whole."""

from __future__ import annotations

import io
import json
import logging
import logging.handlers
import sys
import traceback
from typing import Any

import pytest

from aura_logging.encoding import encode
from aura_logging.filters.security import SecurityFilter
from aura_logging.formatters import JsonFormatter
from aura_logging.health import Status
from aura_logging.options import OptionError
from aura_logging.privacy import Scrubber

# What must not come out, and one way in which people write it.
CANARIES = {
    "credit_card": ("4111 1111 1111 1111", "paid with {}"),
    "iban": ("GB82 WEST 1234 5698 7654 32", "to {}"),
    "us_ssn": ("078-05-1120", "ssn {}"),
    "email": ("jane.canary@example.com", "mail {}"),
    "phone": ("(415) 555-2671", "call {}"),
    "jwt": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP", "jwt {}"),
    "bearer_token": ("mF_9.B5f-4.1JqM", "sent Bearer {}"),
    "basic_auth": ("dXNlcjpjYW5hcnk=", "sent Basic {}"),
    "private_key": ("MIICANARYKEY", "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----"),
    "url_credentials": ("shop:canary", "postgres://{}@db/shop"),
    "aws_access_key": ("AKIA" + "IOSFODNN7CANARY7"[:16], "key {}"),
    "github_token": ("ghp_" + "canary" * 6, "gh {}"),
    "slack_token": ("xoxb-" + "1234567890-canary", "slack {}"),
    "stripe_key": ("sk_live" + "_canary1234567890", "stripe {}"),
    "azure_key": ("canary" * 5 + "==", "AccountKey={}"),
    "django_secret_key": ("django-insecure-" + "canary" * 5, "key {}"),
    "secret": ("canary-hunter2", "password={}"),
}


class EverythingFormatter(logging.Formatter):
    """A third party's formatter at its worst: writes every attribute, and formats exc_info itself."""

    def format(self, record: logging.LogRecord) -> str:
        shown = {key: value for key, value in record.__dict__.items() if key != "exc_info"}
        shown["message"] = record.getMessage()
        if record.exc_info and record.exc_info[1]:
            shown["tb"] = "".join(traceback.format_exception(*record.exc_info))
            shown["exc"] = repr(record.exc_info)
            shown["args_of_exc"] = [str(record.exc_info[1].args), str(vars(record.exc_info[1]))]
        return json.dumps(shown, default=repr) + repr(shown)


class Sinks:
    """One logger with the filter on every handler, and what came out of each."""

    def __init__(self, filter: logging.Filter) -> None:
        self.logger = logging.Logger("shop")
        self.streams: list[io.StringIO] = []
        formatters = [
            logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"),
            JsonFormatter(),
            JsonFormatter(schema="ecs"),
            JsonFormatter(schema="otel"),
            EverythingFormatter(),
        ]
        for formatter in formatters:
            stream = io.StringIO()
            handler = logging.StreamHandler(stream)
            handler.setFormatter(formatter)
            handler.addFilter(filter)
            self.logger.addHandler(handler)
            self.streams.append(stream)

    def written(self) -> str:
        return "\n".join(stream.getvalue() for stream in self.streams)


GUARD = SecurityFilter()


@pytest.fixture
def sinks() -> Sinks:
    return Sinks(GUARD)


class Order:
    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return f"<Order {self.text}>"

    __repr__ = __str__


def failing(text: str) -> Any:
    """Return the exc_info of an error with a cause, a note and a value in each."""
    try:
        try:
            raise KeyError(text)
        except KeyError as cause:
            error = ValueError(text, {"inner": text})
            error.add_note(f"note {text}")
            error.attached = text  # type: ignore[attr-defined]
            raise error from cause
    except ValueError:
        return sys.exc_info()


CHANNELS = {
    "message": lambda log, text: log.warning(text),
    "message with percent signs": lambda log, text: log.warning("100%% of " + text.replace("%", "%%"), *()),
    "argument": lambda log, text: log.warning("seen %s", text),
    "argument by repr": lambda log, text: log.warning("seen %r and %d", Order(text), 5),
    "arguments by name": lambda log, text: log.warning("seen %(text)s", {"text": text, "unused": text}),
    "unfitting arguments": lambda log, text: log.warning("seen %d", text),
    "object as message": lambda log, text: log.warning(Order(text)),
    "extra": lambda log, text: log.warning("seen", extra={"detail": text}),
    "nested extra": lambda log, text: log.warning("seen", extra={"detail": {"deep": [{"er": (1, {text})}]}}),
    "extra's key": lambda log, text: log.warning("seen", extra={"detail": {text: 1}}),
    "extra object": lambda log, text: log.warning("seen", extra={"detail": Order(text)}),
    "extra bytes": lambda log, text: log.warning("seen", extra={"detail": text.encode()}),
    "JSON in text": lambda log, text: log.warning("body %s", json.dumps({"body": json.dumps({"v": text})})),
    "repr in text": lambda log, text: log.warning("params %s", repr({"v": (text,)})),
    "SQL and its parameters": lambda log, text: log.debug(
        "(0.001) SELECT 1 WHERE x = '%s'; args=%s", text, (text,), extra={"sql": f"SELECT '{text}'", "params": [text]}
    ),
    "exception": lambda log, text: log.error("failed", exc_info=failing(text)),
    "stack": lambda log, text: log.handle(stacked(text)),
    "beyond what is encoded": lambda log, text: log.warning("seen", extra={"detail": "x " * 40_000 + text}),
    "deeper than is encoded": lambda log, text: log.warning("seen", extra={"detail": nested(text, 20)}),
    "beside a lone surrogate": lambda log, text: log.warning("seen \ud800 %s", text),
}  # fmt: skip


def stacked(text: str) -> logging.LogRecord:
    record = logging.makeLogRecord({"msg": "seen", "levelno": 30, "levelname": "WARNING"})
    record.stack_info = f"Stack (most recent call last):\n  {text}"
    return record


def nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = {"in": value}
    return value


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("detector", CANARIES)
def test_no_canary_comes_out_by_any_channel(sinks: Sinks, detector: str, channel: str) -> None:
    canary, phrase = CANARIES[detector]

    CHANNELS[channel](sinks.logger, phrase.format(canary))

    written = sinks.written()
    assert written
    for spelling in (canary, canary.replace(" ", ""), canary.replace("-", "")):
        assert spelling not in written
    assert "[REDACTED:" in written


@pytest.mark.parametrize("name", ["password", "api_key", "Authorization", "user_password", "sessionid"])
def test_a_secret_name_hides_its_value_at_any_depth(sinks: Sinks, name: str) -> None:
    sinks.logger.warning("seen", extra={"form": {"user": [{name: "canary"}]}, "plain": {name: {"x": "canary"}}})
    sinks.logger.warning("seen", extra={name: "canary"})

    assert "canary" not in sinks.written()


def test_query_strings_and_form_bodies_are_read_as_what_they_mean(sinks: Sinks) -> None:
    sinks.logger.warning("GET /?mail=jane%40canary.example&card=4111+1111+1111+1111&password=canary%20x&next=%2F")

    written = sinks.written()
    assert "canary" not in written
    assert "4111" not in written
    assert "next=%2F" in written


def test_the_caller_s_objects_are_left_as_they_were(sinks: Sinks) -> None:
    card = "4111111111111111"
    payload: dict[str, Any] = {"user": {"password": "hunter2"}, "cards": [card]}
    error = failing(card)

    sinks.logger.warning("seen %s", payload, extra={"payload": payload}, exc_info=error)

    assert payload == {"user": {"password": "hunter2"}, "cards": ["4111111111111111"]}
    assert error[1].args[0] == "4111111111111111"
    assert card not in sinks.written()


def record_of(message: str, *args: Any, **attributes: Any) -> logging.LogRecord:
    record = logging.LogRecord("shop", logging.INFO, "/srv/shop.py", 1, message, args, None, "pay")
    record.__dict__.update(attributes)
    return record


def test_a_clean_record_is_left_alone_and_its_line_is_the_one_that_is_shipped() -> None:
    record = record_of("order %s placed", 88123, path="/checkout/", session_count=3)
    before = dict(record.__dict__)

    assert SecurityFilter().filter(record)

    line = encode(record)
    assert {key: record.__dict__[key] for key in before} == before
    assert encode(record) is line


def test_the_template_stays_when_only_the_arguments_had_to_change() -> None:
    record = record_of("card %s of %d", "4111111111111111", 5)

    SecurityFilter().filter(record)

    assert record.msg == "card %s of %d"
    assert record.args == ("[REDACTED:credit_card]", 5)


def test_the_message_is_written_out_when_the_template_cannot_take_a_marker() -> None:
    record = record_of("card %d, 100%%", 4111111111111111)

    SecurityFilter().filter(record)

    assert record.getMessage() == "card [REDACTED:credit_card], 100%"
    assert not record.args


def test_what_only_the_whole_message_shows_is_found_there() -> None:
    record = record_of("phone: %s", "4155552671")

    SecurityFilter().filter(record)

    assert record.getMessage() == "phone: [REDACTED:phone]"


def test_a_message_that_a_formatter_had_cached_is_made_anew() -> None:
    record = record_of("card %s", "4111111111111111")
    logging.Formatter("%(message)s").format(record)

    SecurityFilter().filter(record)

    assert record.message == "card [REDACTED:credit_card]"


def test_a_traceback_that_a_formatter_had_cached_is_scrubbed_too() -> None:
    record = record_of("failed")
    record.exc_info = failing("4111111111111111")
    logging.Formatter().format(record)

    SecurityFilter().filter(record)

    assert "4111" not in str(record.exc_text)


def test_the_exception_keeps_its_class_its_name_and_its_frames() -> None:
    try:
        raise LookupError("card " + "4111" + "1111" * 3)
    except LookupError:
        record = record_of("failed")
        record.exc_info = sys.exc_info()

    SecurityFilter().filter(record)

    assert record.exc_info is not None
    kind, error, frames = record.exc_info
    assert kind is not None
    assert kind.__qualname__ == "LookupError"
    assert isinstance(error, LookupError)
    assert str(error) == "card [REDACTED:credit_card]"
    assert frames is not None


def test_a_source_line_that_holds_the_value_costs_the_frames() -> None:
    try:
        raise LookupError("card 4111111111111111")
    except LookupError:
        record = record_of("failed")
        record.exc_info = sys.exc_info()

    SecurityFilter().filter(record)

    assert record.exc_info is not None
    assert record.exc_info[2] is None
    assert "LookupError: card [REDACTED:credit_card]" in str(record.exc_text)
    assert "in test_a_source_line" in str(record.exc_text)


@pytest.mark.parametrize(
    "error",
    [
        OSError(2, "no such file", "/home/4111111111111111"),
        UnicodeDecodeError("utf-8", b"4111111111111111", 0, 1, "bad 4111111111111111"),
        SyntaxError("bad 4111111111111111", ("f", 1, 1, "x = 4111111111111111")),
        ExceptionGroup("4111111111111111", [ValueError("4111111111111111")]),
        SystemExit("4111111111111111"),
        KeyError(4111111111111111),
        type("Picky", (Exception,), {"__new__": lambda cls, text: Exception.__new__(cls)})("4111111111111111"),
        type("Final", (Exception,), {"__init_subclass__": classmethod(lambda cls: 1 / 0)})("4111111111111111"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exceptions_of_every_make_are_doubled(sinks: Sinks, error: BaseException) -> None:
    sinks.logger.error("failed", exc_info=(type(error), error, None))

    assert "4111" not in sinks.written()
    assert type(error).__name__ in sinks.written()


def test_passing_twice_is_harmless() -> None:
    record = record_of("card %s", "4111111111111111", mail="jane@example.com")
    guard = SecurityFilter()

    guard.filter(record)
    once = encode(record)
    guard.filter(record)

    assert encode(record) == once
    assert guard.health().as_dict()["findings"] == {"credit_card": 1, "email": 1}


def test_health_counts_findings_by_detector_and_names_the_engine() -> None:
    guard = SecurityFilter()
    guard.filter(record_of("jane@example.com and joan@example.com, 4111111111111111"))
    guard.filter(record_of("nothing"))

    health = guard.health()

    assert health.status is Status.HEALTHY
    assert health.facts["findings"] == {"email": 2, "credit_card": 1}
    assert health.facts["scan_engine"] in ("re2", "re")


def test_a_record_that_cannot_be_scrubbed_is_blanked_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = SecurityFilter()
    monkeypatch.setattr(guard.scrubber, "scrub", lambda text, field="": 1 / 0)
    record = record_of("card 4111111111111111", payload={"password": "hunter2"}, request=object())
    record.exc_info = failing("4111111111111111")

    assert guard.filter(record)

    line = encode(record)
    assert b"4111" not in line
    assert b"hunter2" not in line
    assert b"[REDACTED:scrubbing_failed]" in line
    assert guard.health().status is Status.DEGRADED
    assert guard.health().facts["scrubbing_failures"] == {"ZeroDivisionError": 1}


def test_fields_can_be_dropped_from_the_record() -> None:
    record = record_of("seen", password="hunter2", mail="jane@example.com", n=1)

    SecurityFilter(replacements={"secret": "drop", "email": "drop"}).filter(record)

    assert not hasattr(record, "password")
    assert not hasattr(record, "mail")
    assert record.__dict__["n"] == 1


def test_dropping_an_argument_leaves_its_place_empty() -> None:
    record = record_of("to %s from %s", "jane@example.com", "shop")

    SecurityFilter(replacement="drop").filter(record)

    assert record.getMessage() == "to  from shop"


def test_it_can_be_switched_off() -> None:
    record = record_of("jane@example.com")

    SecurityFilter(scrub=False).filter(record)

    assert record.getMessage() == "jane@example.com"


def test_a_record_that_tells_of_a_threat_is_marked_unless_switched_off() -> None:
    records = [logging.LogRecord("django.security.csrf", 30, "", 0, "Forbidden: %s", ("/pay",), None) for _ in range(2)]

    SecurityFilter().filter(records[0])
    SecurityFilter(detect=False).filter(records[1])

    assert (records[0].security_event, records[0].threat_type) == (True, "csrf_failure")  # type: ignore[attr-defined]
    assert not hasattr(records[1], "security_event")


@pytest.mark.parametrize("attribute", ["name", "threadName", "funcName", "pathname"])
def test_where_it_was_logged_is_scrubbed_too(sinks: Sinks, attribute: str) -> None:
    record = record_of("hello", **{attribute: "of jane.canary@example.com"})

    sinks.logger.handle(record)

    assert getattr(record, attribute) == "of [REDACTED:email]"
    assert "jane.canary" not in sinks.written()


def test_a_message_that_said_nothing_before_is_still_read_where_fields_tell() -> None:
    security = SecurityFilter()
    for _ in range(2):
        security.filter(record_of("%s: %s", "Unauthorized", "/admin/", name="shop"))
    refused = record_of("%s: %s", "Unauthorized", "/admin/", name="django.request", status_code=401)
    finished = [record_of("%s: %s", "GET", "/", name="aura.request") for _ in range(2)]

    for record in (refused, *finished):
        security.filter(record)

    assert refused.threat_type == "authentication_failure"  # type: ignore[attr-defined]
    assert [record.security_event for record in finished] == [False, False]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [None, 7, ["shop"]])
def test_a_record_with_no_name_to_speak_of_is_scrubbed_like_any_other(name: Any) -> None:
    record = record_of("card %s", "4111 1111 1111 1111", name=name)

    SecurityFilter().filter(record)

    assert record.getMessage() == "card [REDACTED:credit_card]"


def test_options_are_the_scrubber_s_or_a_scrubber() -> None:
    assert SecurityFilter(enable=["ip_address"]).scrubber.find("192.0.2.7")
    with pytest.raises(OptionError, match="not both"):
        SecurityFilter(scrubber=Scrubber(), enable=["ip_address"])


def test_it_can_be_configured_by_dictconfig() -> None:
    import logging.config

    logging.config.dictConfig(
        {
            "version": 1,
            "filters": {
                "security": {
                    "()": "aura_logging.filters.security.SecurityFilter",
                    "enable": ["ip_address"],
                    "patterns": {
                        "employee": r"EMP-\d{6}",
                        "mrn": {"pattern": r"MRN(\d{6})", "examples": ["MRN123456"]},
                    },
                    "replacements": {"credit_card": "partial"},
                }
            },
            "handlers": {
                "memory": {"class": "logging.handlers.BufferingHandler", "capacity": 9, "filters": ["security"]}
            },
            "loggers": {"dictconfig.test": {"handlers": ["memory"], "level": "INFO", "propagate": False}},
        }
    )
    logger = logging.getLogger("dictconfig.test")

    logger.info("EMP-004711 MRN123456 4111111111111111 from 192.0.2.7")

    handler = logger.handlers[0]
    assert isinstance(handler, logging.handlers.BufferingHandler)
    assert handler.buffer[0].getMessage() == (
        "[REDACTED:employee] MRN[REDACTED:mrn] ************1111 from [REDACTED:ip_address]"
    )
    logger.removeHandler(handler)


def test_the_bytes_that_the_scan_skips_hold_nothing_but_the_time() -> None:
    line = encode(record_of("x"))

    assert line[:14] == b'{"timestamp":"'
    assert line[40:43] == b'Z",'
