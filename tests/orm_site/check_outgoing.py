"""What a request asks of other services and of queues is on its record, and of nobody else's."""

from __future__ import annotations

import asyncio
import logging
import sys
import types

import httpx
import requests
from django.http import HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from library.models import Book

from aura_logging import fields
from aura_logging.django.tasks import HAS_TASKS, observe
from aura_logging.integrations.httpx import AsyncCountedTransport
from aura_logging.integrations.requests import observe as observe_session
from aura_logging.performance import outgoing


class Anybody(requests.adapters.BaseAdapter):
    """Answers every request by itself."""

    def send(self, request, **_):
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, request.url
        return response

    def close(self):
        pass


session = requests.Session()
session.mount("https://", Anybody())
observe_session(session)
transport = AsyncCountedTransport(httpx.MockTransport(lambda request: httpx.Response(503)))


def calling(request):
    session.get("https://stock.example.com/items/7?key=secret")
    session.get("https://mail.example.com/")
    return HttpResponse("ok")


async def calling_async(request, times):
    async with httpx.AsyncClient(transport=transport) as client:
        await asyncio.gather(*(client.get("https://slow.example.com/") for _ in range(times)))
    return HttpResponse("ok")


urls = types.ModuleType("calling_urls")
urls.urlpatterns = [path("calling/", calling), path("calling-async/<int:times>/", calling_async)]
sys.modules["calling_urls"] = urls
with_calls = override_settings(ROOT_URLCONF="calling_urls")


def wide(records, name="aura.request"):
    return [record for record in records if record.name == name]


@with_calls
def test_a_request_s_record_tells_its_calls(records):
    Client().get("/calling/")

    (record,) = wide(records)
    assert record.http_calls == 2
    assert 0 < record.http_time <= record.request_duration
    assert {host["host"] for host in record.http_hosts} == {"stock.example.com", "mail.example.com"}
    assert "secret" not in repr(record.__dict__)
    assert outgoing.current.get() is None


def test_a_request_without_calls_says_nothing_of_them(records):
    Client().get("/trivial/")

    assert not hasattr(wide(records)[0], "http_calls")


@with_calls
def test_concurrent_requests_keep_their_calls_apart(records):
    async def all_at_once():
        await asyncio.gather(*(AsyncClient().get(f"/calling-async/{number % 4}/") for number in range(40)))

    asyncio.run(all_at_once())

    counts = sorted((getattr(record, "http_calls", 0), getattr(record, "http_errors", 0)) for record in wide(records))
    assert counts == sorted((number % 4, number % 4) for number in range(40))


def test_without_django_s_task_framework_there_is_nothing_to_observe():
    observe()

    assert HAS_TASKS or "django.tasks" not in sys.modules


if HAS_TASKS:
    from django.tasks import task

    @task
    def count_books():
        return {"books": Book.objects.count(), "bound": fields()}

    @task
    def refuse():
        raise ValueError("on purpose")

    @task
    async def wait():
        return await Book.objects.acount()

    def enqueueing(request):
        count_books.enqueue()
        refuse.enqueue()
        return HttpResponse("ok")

    urls.urlpatterns.append(path("enqueueing/", enqueueing))

    @with_calls
    def test_a_task_run_at_once_is_part_of_its_request(records):
        Client().get("/enqueueing/", headers={"X-Request-ID": "from-the-edge"})

        (record,) = wide(records)
        done, failed = wide(records, "aura.task")
        assert record.tasks_enqueued == 2
        assert record.enqueued_tasks[0] == {"task": count_books.module_path, "count": 1}
        assert record.db_queries == 1
        assert (done.levelno, done.task_state) == (logging.INFO, "SUCCESSFUL")
        assert done.task_name.endswith("check_outgoing.count_books")
        assert (failed.levelno, failed.task_state, failed.exception_type) == (logging.ERROR, "FAILED", "ValueError")
        assert (failed.pathname, failed.funcName, failed.task_queue) == (__file__, "refuse", "default")
        assert not hasattr(done, "db_queries")

    def test_a_task_outside_any_request_is_a_unit_of_work_of_its_own(records):
        result = count_books.enqueue().return_value

        (record,) = wide(records, "aura.task")
        assert result["bound"]["task_name"] == record.task_name
        assert len(result["bound"]["correlation_id"]) == 32
        assert record.db_queries == 1
        assert fields() == {}

    def test_a_task_that_succeeds_while_an_error_is_handled_has_not_failed(records):
        try:
            raise KeyError
        except KeyError:
            count_books.enqueue()

        assert not hasattr(wide(records, "aura.task")[0], "exception_type")

    def test_an_async_task_is_told_too(records):
        asyncio.run(wait.aenqueue())

        (record,) = wide(records, "aura.task")
        assert (record.task_state, record.db_queries) == ("SUCCESSFUL", 1)
