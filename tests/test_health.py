"""Health is one plain value that says the worst there is."""

from __future__ import annotations

import json
import logging

import pytest

from aura_logging.filters import SamplingFilter, SecurityFilter
from aura_logging.handlers import MetricsHandler, StructuredFileHandler
from aura_logging.health import Checkable, Health, Status, worst


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], Status.HEALTHY),
        ([Status.HEALTHY, Status.HEALTHY], Status.HEALTHY),
        ([Status.DEGRADED, Status.HEALTHY], Status.DEGRADED),
        ([Status.UNHEALTHY, Status.DEGRADED, Status.HEALTHY], Status.UNHEALTHY),
    ],
)
def test_the_worst_of_many_is_what_counts(statuses: list[Status], expected: Status) -> None:
    assert worst(iter(statuses)) is expected


def test_a_ledger_in_full_is_plain_json() -> None:
    health = Health(
        Status.UNHEALTHY, "disk full", accepted=5, delivered=2, dropped={"queue_full": 3}, queued=0, circuit_open=True,
        facts={"path": "logs/app.jsonl"},
    )  # fmt: skip

    assert json.loads(json.dumps(health.as_dict())) == {
        "status": "unhealthy", "detail": "disk full", "accepted": 5, "delivered": 2, "dropped": {"queue_full": 3},
        "queued": 0, "circuit_open": True, "path": "logs/app.jsonl",
    }  # fmt: skip


def test_a_count_that_is_not_kept_is_left_out_and_one_of_zero_is_not() -> None:
    assert Health(Status.HEALTHY).as_dict() == {"status": "healthy"}
    assert Health(Status.HEALTHY, accepted=0, circuit_open=False).as_dict() == {
        "status": "healthy", "accepted": 0, "circuit_open": False, "dropped": {},
    }  # fmt: skip


def test_no_fact_stands_where_the_status_does() -> None:
    health = Health(Status.UNHEALTHY, accepted=1, facts={"status": "healthy", "accepted": 99})

    assert (health.as_dict()["status"], health.as_dict()["accepted"]) == ("unhealthy", 1)


def test_parts_of_ours_can_be_checked_and_others_cannot(tmp_path: object) -> None:
    parts = [
        SamplingFilter(),
        SecurityFilter(),
        StructuredFileHandler(f"{tmp_path}/app.jsonl"),
        MetricsHandler("memory://"),
    ]

    assert all(isinstance(part, Checkable) and part.health().as_dict()["status"] == "healthy" for part in parts)
    assert not isinstance(logging.NullHandler(), Checkable)
