"""A record made like another is what `logging` itself would have made."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import pickle
import threading

from aura_logging import records
from aura_logging.performance import wide_record
from aura_logging.performance.prototypes import Prototypes
from aura_logging.testing import ManualClock, capture

PLACE = ("/srv/shop/views.py", 41, "checkout")


def test_a_record_made_like_another_has_what_logging_itself_would_have_put_there() -> None:
    prototypes = Prototypes()
    prototypes.record("shop", logging.INFO, PLACE, "request finished", {"first": True})

    made = prototypes.record("shop", logging.INFO, PLACE, "request finished", {"route": "checkout/"})

    ordinary = logging.LogRecord("shop", logging.INFO, *PLACE[:2], "request finished", (), None, PLACE[2])
    different = {name for name, value in ordinary.__dict__.items() if made.__dict__[name] != value}
    assert different <= {"created", "msecs", "relativeCreated"}
    assert made.msecs == int(made.created % 1 * 1_000)
    assert abs((ordinary.created - made.created) * 1_000 - (ordinary.relativeCreated - made.relativeCreated)) < 1
    assert records.extras(made) == {"route": "checkout/"}
    assert copy.copy(made).__dict__ == pickle.loads(pickle.dumps(made)).__dict__ == made.__dict__


def test_a_record_made_like_another_belongs_to_the_thread_and_the_moment_it_is_made_in() -> None:
    clock = ManualClock(1_700_000_000.25)
    prototypes = Prototypes(clock=clock)
    prototypes.record("shop", logging.INFO, PLACE, "request finished", {})
    clock.advance(1.5)
    made = []

    def work() -> None:
        made.append(prototypes.record("shop", logging.INFO, PLACE, "request finished", {}))

    thread = threading.Thread(target=work, name="another")
    thread.start()
    thread.join()

    assert (made[0].threadName, made[0].thread) == ("another", thread.ident)
    assert (made[0].created, made[0].msecs) == (1_700_000_001.75, 750.0)


def test_a_task_is_named_where_logging_names_it() -> None:
    prototypes = Prototypes()

    async def work() -> tuple[object, object]:
        made = prototypes.record("shop", logging.INFO, PLACE, "request finished", {})
        ordinary = logging.LogRecord("shop", logging.INFO, *PLACE[:2], "request finished", (), None, PLACE[2])
        return made.__dict__.get("taskName"), ordinary.__dict__.get("taskName")

    made, ordinary = asyncio.run(work())

    assert made == ordinary


def test_a_class_of_somebody_elses_is_asked_for_each_record() -> None:
    class Own(logging.LogRecord):
        pass

    prototypes = Prototypes()
    prototypes.record("shop", logging.INFO, PLACE, "request finished", {})
    logging.setLogRecordFactory(Own)
    try:
        made = prototypes.record("shop", logging.INFO, PLACE, "request finished", {"route": "checkout/"})
    finally:
        logging.setLogRecordFactory(logging.LogRecord)

    assert type(made) is Own
    assert records.extras(made) == {"route": "checkout/"}


def test_more_places_than_are_kept_make_records_all_the_same() -> None:
    prototypes = Prototypes(most=3)

    made = [prototypes.record("shop", logging.INFO, ("f", line, "g"), "m", {}).lineno for line in range(10)]

    assert made == list(range(10))


def test_a_child_writes_wide_records_in_its_own_name() -> None:
    log = logging.getLogger("tests.wide")
    with capture("tests.wide") as captured:
        wide_record.write(log, logging.INFO, "request finished", PLACE, {})
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            wide_record.write(log, logging.INFO, "request finished", PLACE, {})
            os.write(writing, str(captured[-1].process).encode())
            os._exit(0)
        os.waitpid(child, 0)
        told = int(os.read(reading, 20))
        os.close(reading)
        os.close(writing)

    assert (captured[0].process, told) == (os.getpid(), child)
