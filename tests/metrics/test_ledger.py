"""What our handlers lost is counted once, whichever process and whichever handler object told it."""

from __future__ import annotations

from aura_logging.health import Health, Status
from aura_logging.metrics.ledger import Ledger
from aura_logging.metrics.registry import Registry


class Told:
    """A handler that tells what it is told to."""

    def __init__(self) -> None:
        self.now = Health(Status.HEALTHY)

    def health(self) -> Health:
        return self.now


def counted(registry: Registry) -> dict[tuple[str, ...], float]:
    return {
        (sample.series.name, *(value for _, value in sample.series.labels)): sample.amount.sum
        for sample in registry.drain()
    }


def test_growing_counts_become_increases_and_a_new_handler_begins_again() -> None:
    told, registry = Told(), Registry()
    ledger = Ledger(registry, lambda: [("json", told)])
    told.now = Health(Status.HEALTHY, accepted=10, delivered=8, dropped={"queue_full": 2}, queued=3, circuit_open=False)
    ledger()
    assert counted(registry) == {
        ("aura_handler_accepted_total", "json"): 10,
        ("aura_handler_delivered_total", "json"): 8,
        ("aura_handler_dropped_total", "json", "queue_full"): 2,
        ("aura_handler_queued", "json"): 3,
        ("aura_handler_circuits_open", "json"): 0,
    }
    told.now = Health(Status.HEALTHY, accepted=15, dropped={"queue_full": 2})
    ledger()
    told.now = Health(Status.HEALTHY, accepted=4)
    ledger()
    assert counted(registry) == {("aura_handler_accepted_total", "json"): 9}


def test_what_was_counted_before_a_fork_is_the_parents_to_tell() -> None:
    told, registry = Told(), Registry()
    ledger = Ledger(registry, lambda: [("json", told)])
    told.now = Health(Status.HEALTHY, accepted=10, dropped={"queue_full": 2})
    ledger.begin()
    told.now = Health(Status.HEALTHY, accepted=11, dropped={"queue_full": 2})
    ledger()
    assert counted(registry) == {("aura_handler_accepted_total", "json"): 1}
