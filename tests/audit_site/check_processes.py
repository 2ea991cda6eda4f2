"""Many processes write one trail, and some are killed: nothing is lost, nothing comes twice, every chain is whole."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest
from clinic.models import Note
from django.db import connection, connections, transaction

from aura_logging.django.models import AuditEntry

WRITERS = 8
NOTES = 6


def fork(work: Callable[[int], None], *arguments: int) -> int:
    """Run work in a child that has inherited whatever this process has; return its pid."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work(*arguments)
        connections.close_all()
        code = 0
    finally:
        os._exit(code)


def wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def busy(number: int) -> None:
    """Write notes, in transactions and without, some of which are rolled back."""
    for count in range(NOTES):
        note = Note.objects.create(text=f"{number}.{count}")
        with transaction.atomic():
            note.text += "!"
            note.save()
            try:
                with transaction.atomic():
                    Note.objects.create(text="never")
                    raise KeyError
            except KeyError:
                pass
            Note.objects.filter(pk=note.pk).update(is_active=False)


def test_eight_writers_lose_nothing_and_tell_nothing_twice(news, whole):
    Note.objects.create(text="the parent has a chain of its own")
    news.forget()
    connections.close_all()

    children = [fork(busy, number) for number in range(WRITERS)]

    assert [wait(child) for child in children] == [0] * WRITERS
    told = Counter((one.action, one.object_id) for one in news())
    assert set(told.values()) == {1}
    assert Counter(action for action, _ in told.elements()) == {
        "create": WRITERS * NOTES, "update": WRITERS * NOTES, "bulk_update": WRITERS * NOTES
    }  # fmt: skip
    assert len({one.writer for one in news()}) == WRITERS
    verified = whole()
    assert verified.is_whole, verified.first


def test_a_process_killed_in_mid_transaction_leaves_neither_row_nor_entry(news, whole):
    connections.close_all()
    reader, writer = os.pipe()

    def die_within() -> None:
        Note.objects.create(text="before")
        with transaction.atomic():
            Note.objects.create(text="killed with its transaction")
            os.write(writer, b"!")
            signal.pause()

    child = fork(die_within)
    os.read(reader, 1)
    os.kill(child, signal.SIGKILL)

    assert wait(child) == -signal.SIGKILL
    assert [one.changes["text"][1] for one in news()] == ["before"]
    assert not Note.objects.filter(text="killed with its transaction").exists()
    assert whole().is_whole


def test_a_process_killed_anywhere_leaves_trail_and_data_in_agreement(news, whole):
    before = Note.objects.count()
    connections.close_all()
    readers = []
    for _ in range(4):
        reader, writer = os.pipe()

        def write_on(writer=writer) -> None:
            for count in range(10_000):
                Note.objects.create(text=str(count))
                os.write(writer, b"!")

        readers.append((reader, fork(write_on)))

    for place, (reader, child) in enumerate(readers):
        for _ in range(place * 3 + 2):
            os.read(reader, 1)
        os.kill(child, signal.SIGKILL)
        wait(child)

    deadline = time.monotonic() + 10  # a server ends a dead client's transaction in its own time
    while Note.objects.count() - before != len(news()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert Note.objects.count() - before == len(news()) > 0
    assert whole().is_whole


def test_a_child_does_not_go_on_with_its_parents_chain(news, whole):
    Note.objects.create(text="parent")
    connections.close_all()

    assert wait(fork(lambda: Note.objects.create(text="child") and None)) == 0
    Note.objects.create(text="parent again")

    first, second, third = news()
    assert first.writer == third.writer != second.writer
    assert (third.seq, second.seq) == (first.seq + 1, 1)
    assert whole().is_whole


def test_a_connection_that_is_closed_goes_on_with_its_chain(news, whole):
    for number in range(3):
        Note.objects.create(text=str(number))
        connection.close()

    (writer,) = {one.writer for one in news()}
    assert writer
    assert whole().is_whole


def test_a_connection_that_is_lost_in_mid_transaction_begins_another_chain(news, whole):
    Note.objects.create(text="kept")
    with pytest.raises(Exception, match=r".*"), transaction.atomic():
        Note.objects.create(text="lost")
        connection.connection.close()  # as a server that goes away does
        connection.close()
        raise ConnectionError
    Note.objects.create(text="kept too")

    told = news()
    assert [one.changes["text"][1] for one in told] == ["kept", "kept too"]
    assert told[0].writer != told[1].writer
    assert whole().is_whole


def test_two_stores_in_one_transaction_have_chains_that_do_not_mix(news, whole):
    from aura_logging.audit.events import AuditEvent
    from aura_logging.django.audit_start import store_in

    other = store_in("default")
    for is_kept in (True, False, True):
        with transaction.atomic():
            for _ in range(3):
                Note.objects.create(text="one")
                other.append(AuditEvent(action="two"))
            transaction.set_rollback(not is_kept)

    assert len({one.writer for one in news()}) == 2
    assert len(news()) == 12
    assert whole().is_whole


def test_in_manual_transaction_management_each_entry_ends_its_chain(news, whole):
    connection.set_autocommit(False)
    try:
        Note.objects.create(text="one")
        Note.objects.create(text="two")
        connection.commit()
        Note.objects.create(text="three")
        connection.rollback()
    finally:
        connection.set_autocommit(True)

    assert [one.changes["text"][1] for one in news()] == ["one", "two"]
    assert len({one.writer for one in news()}) == 2
    assert whole().is_whole


def test_threads_have_chains_that_later_threads_go_on_with(news, whole):
    import threading

    from django.core.signals import request_finished

    def work() -> None:
        Note.objects.create(text="in a thread")
        request_finished.send(sender=None)
        connections.close_all()

    for _ in range(5):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert len({one.writer for one in news()}) == 1
    assert whole().is_whole


def test_a_test_cases_transaction_is_chained_within_itself(news):
    from django.test import TestCase

    class Case(TestCase):
        def test_it(self) -> None:
            with self.captureOnCommitCallbacks() as callbacks:
                Note.objects.create(text="one")
                try:
                    with transaction.atomic():
                        Note.objects.create(text="undone")
                        raise KeyError
                except KeyError:
                    pass
                Note.objects.create(text="two")
            assert callbacks == []
            chains = Counter(AuditEntry.objects.order_by("-pk")[:2].values_list("writer", flat=True))
            assert list(chains.values()) == [2]

    import unittest

    outcome = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(outcome)
    assert outcome.wasSuccessful(), [*outcome.errors, *outcome.failures]
    assert news() == []
