"""Every field that we write is in the list, once, in every spelling."""

from __future__ import annotations

import time

import pytest

from aura_logging.performance.probe import RequestProbe
from aura_logging.propagation import Trace
from aura_logging.schema import FIELDS, SCHEMAS, spelling

# What the product promises to write, word for word.
PROMISED = [
    "timestamp", "level", "logger", "message", "correlation_id", "trace_id", "span_id", "user_id", "user_type",
    "auth_method", "client_ip", "user_agent", "country_code", "method", "path", "route", "status_code",
    "request_duration", "db_queries", "db_time", "cache_hits", "cache_misses", "memory_delta", "memory_percent",
    "cpu_percent", "system_load", "security_event", "threat_type", "environment", "service_name", "version",
]  # fmt: skip

INDEXED_AS = {
    "correlation_id": "keyword",
    "user_id": "keyword",
    "client_ip": "ip",
    "request_duration": "float",
    "security_event": "boolean",
}


@pytest.mark.parametrize("name", PROMISED)
def test_a_promised_field_is_in_the_list(name: str) -> None:
    assert name in {field.name for field in FIELDS}


@pytest.mark.parametrize("name", INDEXED_AS)
def test_a_field_has_the_type_that_search_indexes_were_made_for(name: str) -> None:
    (field,) = (field for field in FIELDS if field.name == name)

    assert field.kind == INDEXED_AS[name]


def test_what_the_request_record_and_the_trace_add_is_in_the_list() -> None:
    memory = iter([1, 2])
    probe = RequestProbe(1e-9, cpu_clock=time.thread_time, memory=lambda now: next(memory))
    probe.sent(1)
    probe.is_disconnected = True
    probe.failed(KeyError)
    _, everything = probe.summary(500)
    written = everything.keys() | Trace("a", "b", "c", "d").fields().keys()

    assert len(everything) == 10

    assert written - {field.name for field in FIELDS} == set()


@pytest.mark.parametrize("schema", SCHEMAS)
def test_no_two_fields_share_a_name_in_any_schema(schema: str) -> None:
    spelled = spelling(schema)
    names = [spelled.name(field.name) for field in FIELDS]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_a_field_says_what_it_means(field: object) -> None:
    assert getattr(field, "meaning", "")


@pytest.mark.parametrize("schema", SCHEMAS)
def test_fields_find_back_to_our_names_and_units(schema: str) -> None:
    spelled = spelling(schema)
    ours = {field.name: 0.25 for field in FIELDS} | {"unknown": 1}

    theirs = {spelled.name(name): spelled.value(name, value) for name, value in ours.items()}

    assert spelled.ours(theirs) == ours


def test_an_unknown_schema_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"schema='elk' is unknown; use one of 'aura', 'ecs', 'otel'"):
        spelling("elk")
