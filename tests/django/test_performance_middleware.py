"""Each request is bound, measured and told in one wide record, sync and async, and nothing is forced for it."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import gc
import ipaddress
import logging
import pickle
import weakref
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, iscoroutinefunction
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.signals import request_finished
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from misbehaving import sync_views

from aura_logging import context, correlation_id
from aura_logging.django import request_queries, security_events
from aura_logging.django.middleware import DatabaseQueryTrackingMiddleware, PerformanceMonitoringMiddleware
from aura_logging.django.middleware.base import Middleware

ALWAYS = {
    "timestamp", "level", "logger", "message", "correlation_id", "trace_id", "span_id", "client_ip", "method", "path",
    "status_code", "request_duration", "memory_delta", "security_event", "service_name", "response_bytes",
}  # fmt: skip

both = pytest.mark.parametrize("prefix", ["/", "/async/"], ids=["sync view", "async view"])


@pytest.fixture(params=["WSGI", "ASGI"])
def get(request: pytest.FixtureRequest, database: Any) -> Any:
    """Get a path through the whole handler, in its sync and its async form; failures come as status 500."""
    if request.param == "WSGI":
        return Client(raise_request_exception=False).get

    def get_async(path: str, **options: Any) -> Any:
        async def run() -> Any:
            response = await AsyncClient(raise_request_exception=False).get(path, **options)
            if response.streaming:
                try:
                    response.read = b"".join([part async for part in response])
                finally:
                    response.close()
            return response

        return asyncio.run(run())

    return get_async


@both
def test_a_request_ends_in_one_wide_record(get: Any, lines: Any, prefix: str) -> None:
    response = get(prefix + "plain", headers={"user-agent": "test/1"})

    line = lines.request()
    assert line.keys() >= ALWAYS
    assert line["level"] == "INFO"
    assert line["message"] == "request finished"
    assert (line["method"], line["path"], line["route"]) == ("GET", prefix + "plain", prefix[1:] + "plain")
    assert (line["status_code"], line["response_bytes"], line["security_event"]) == (200, 5, False)
    assert line["user_agent"] == "test/1"
    assert line["request_duration"] > 0
    assert response["X-Request-ID"] == line["correlation_id"]
    assert not {"user_id", "user_type", "auth_method", "parent_span_id", "slow", "disconnected"} & line.keys()


def test_the_record_of_a_request_names_the_route_and_not_only_the_path(get: Any, lines: Any) -> None:
    get("/things/7/")

    assert lines.request()["route"] == "things/<int:number>/"


def test_the_record_of_a_request_points_at_its_view(get: Any, lines: Any) -> None:
    get("/plain")
    get("/things/7/")
    get("/nowhere")

    function, view_class, nothing = lines.of("aura.request")
    assert function["file"] == sync_views.__file__
    assert function["line"] == sync_views.plain.__code__.co_firstlineno
    assert function["function"] == "plain"
    assert (view_class["file"], view_class["function"]) == (sync_views.__file__, "ClassBased")
    assert (nothing["file"], nothing["function"]) == ("(unknown file)", "(unknown function)")


@both
def test_processor_time_is_told_only_where_a_thread_serves_one_request(get: Any, lines: Any, prefix: str) -> None:
    is_async = "async" in get.__name__

    get(prefix + "plain")

    assert ("cpu_time" in lines.request()) is not is_async


def test_processor_time_of_one_thread_is_never_set_against_that_of_another(lines: Any, database: Any) -> None:
    stack = [
        "aura_logging.django.middleware.PerformanceMonitoringMiddleware",
        "misbehaving.middleware.SyncOnlyMiddleware",
    ]

    async def run() -> None:
        response = await AsyncClient().get("/async/stream")
        _ = [part async for part in response]
        response.close()

    with override_settings(MIDDLEWARE=stack):
        asyncio.run(run())

    assert "cpu_time" not in lines.request()


@pytest.mark.parametrize(
    ("path", "status", "level"),
    [("/nowhere", 404, "WARNING"), ("/gone", 404, "WARNING"), ("/boom", 500, "ERROR"), ("/async/boom", 500, "ERROR"),
     ("/middleware-raises", 500, "ERROR"), ("/early", 200, "INFO"), ("/redirect", 302, "INFO")],
)  # fmt: skip
def test_djangos_own_lines_and_every_kind_of_answer_have_the_id(
    get: Any, lines: Any, path: str, status: int, level: str
) -> None:
    response = get(path)

    line = lines.request()
    assert (line["status_code"], line["level"]) == (status, level)
    assert response["X-Request-ID"] == line["correlation_id"]
    of_django = lines.of("django.request")
    assert len(of_django) == (1 if status >= 400 else 0)
    assert all(one["correlation_id"] == line["correlation_id"] for one in of_django)


@pytest.mark.parametrize("path", ["/boom", "/async/boom"])
def test_the_record_of_a_failed_request_names_the_exception(get: Any, lines: Any, path: str) -> None:
    get(path)

    assert lines.request()["exception_type"] == "ValueError"


def test_what_is_logged_when_the_request_finishes_has_its_id(get: Any, lines: Any) -> None:
    response = get("/plain")

    (line,) = lines.of("site.signals", message="request finished signal")
    assert line["correlation_id"] == response["X-Request-ID"]


@both
def test_after_a_request_nothing_is_bound(get: Any, lines: Any, prefix: str) -> None:
    get(prefix + "plain")

    assert context.fields() == {}
    assert correlation_id() is None


def test_a_request_begins_without_what_another_left_behind(lines: Any, database: Any) -> None:
    context.bind(correlation_id="of-another", user_id="7")

    Client().get("/plain")

    assert "user_id" not in lines.request()


def test_tasks_of_a_request_share_what_one_of_them_learns(lines: Any, database: Any) -> None:
    response = Client().get("/async/gather")

    subtasks = lines.of("site.views", message="subtask")
    assert len(subtasks) == 40
    assert {one["correlation_id"] for one in subtasks} == {response["X-Request-ID"]}
    assert {one["route"] for one in subtasks} == {"async/gather"}
    assert lines.request()["route"] == "async/gather"


def test_nested_loops_threads_and_executors_keep_the_id(get: Any, lines: Any) -> None:
    response = get("/async/nest")

    nested = lines.of("site.views", message="nested")
    assert {one["where"] for one in nested} == {"innermost", "inner", "executor", "view"}
    assert {one["correlation_id"] for one in nested} == {response["X-Request-ID"]}


def test_threads_have_the_id_through_the_helper_and_only_so(get: Any, lines: Any) -> None:
    response = get("/threads")

    by_place = {one["where"]: one["correlation_id"] for one in lines.of("site.views", message="working")}
    assert by_place.pop("bare thread") is None
    assert len(by_place) == 9
    assert set(by_place.values()) == {response["X-Request-ID"]}


# Observing forces nothing


@both
def test_a_view_that_leaves_the_user_alone_costs_no_query_and_no_vary_header(get: Any, lines: Any, prefix: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = get(prefix + "plain", headers={"cookie": "sessionid=x" * 3})

    assert len(queries) == 0
    assert not response.has_header("Vary")
    assert "user_type" not in lines.request()


def test_a_lazy_user_stays_unevaluated(lines: Any, database: Any) -> None:
    response = Client().get("/plain")

    assert "_cached_user" not in response.wsgi_request.__dict__
    assert not response.wsgi_request.session.accessed


@both
def test_a_user_that_the_view_has_asked_for_is_on_the_record(get: Any, lines: Any, prefix: str) -> None:
    get(prefix + "whoami")

    line = lines.request()
    assert line["user_type"] == "anonymous"
    assert not {"user_id", "auth_method"} & line.keys()


@pytest.mark.parametrize("path", ["/whoami", "/async/whoami"])
def test_a_known_user_is_told_with_type_and_method(lines: Any, database: Any, path: str) -> None:
    client = Client()
    client.get("/sign-in")

    client.get(path)

    line = lines.request(path=path)
    assert (line["user_id"], line["user_type"], line["auth_method"]) == ("1", "staff", "session")


@pytest.mark.parametrize("path", ["/sign-in", "/async/sign-in"])
def test_a_request_that_logs_in_is_its_new_users(get: Any, lines: Any, path: str) -> None:
    get(path)

    line = lines.request()
    assert (line["user_id"], line["user_type"], line["auth_method"]) == ("1", "staff", "session")


def test_a_request_that_logs_out_is_still_its_users(lines: Any, database: Any) -> None:
    client = Client()
    client.get("/sign-in")

    client.get("/sign-out")

    line = lines.request(path="/sign-out")
    assert (line["user_id"], line["user_type"], line["auth_method"]) == ("1", "staff", "session")


def test_a_user_set_by_a_token_scheme_is_told_though_the_session_had_none(get: Any, lines: Any) -> None:
    get("/token", headers={"authorization": "Bearer secret"})

    line = lines.request()
    assert (line["user_id"], line["user_type"], line["auth_method"]) == ("client-7", "authenticated", "bearer")
    (of_the_view,) = lines.of("site.views")
    assert of_the_view["user_id"] == "client-7"


def test_a_user_class_that_raises_harms_no_line_and_no_request(get: Any, lines: Any) -> None:
    response = get("/broken-user")

    assert response.status_code == 200
    assert lines.request()["context_error"] == "user: LookupError"


def test_deferred_fields_of_a_user_are_not_loaded(lines: Any, database: Any) -> None:
    from django.contrib.auth.models import User

    def view(request: Any) -> HttpResponse:
        request.user = User.objects.only("username").get(username="ada")
        return HttpResponse()

    with CaptureQueriesContext(connection) as queries:
        PerformanceMonitoringMiddleware(view)(RequestFactory().get("/"))

    assert len(queries) == 1
    assert lines.request()["user_type"] == "authenticated"


def test_what_the_application_binds_itself_is_left_as_it_is(lines: Any) -> None:
    def view(request: Any) -> HttpResponse:
        context.bind(user_id="tenant-5/client-7")
        request.user = sync_views.TokenUser()
        return HttpResponse()

    PerformanceMonitoringMiddleware(view)(RequestFactory().get("/"))

    assert lines.request()["user_id"] == "tenant-5/client-7"


# Streaming


@both
def test_lines_in_a_streaming_body_have_the_id_and_the_record_counts_its_bytes(
    lines: Any, database: Any, prefix: str
) -> None:
    response, body = _consume(prefix)

    assert body == b"part" * 4
    parts = lines.of("site.views", message="streaming part")
    assert {one["correlation_id"] for one in parts} == {response["X-Request-ID"]}
    line = lines.request()
    assert line["response_bytes"] == 16
    assert 0 < line["time_to_first_byte"] <= line["request_duration"]
    assert line["route"] == prefix[1:] + "stream"
    assert "disconnected" not in line


def _consume(prefix: str, name: str = "stream") -> tuple[Any, bytes]:
    if prefix == "/":
        response = Client().get("/" + name)
        return response, b"".join(response)

    async def run() -> tuple[Any, bytes]:
        response = await AsyncClient().get("/async/" + name)
        try:
            return response, b"".join([part async for part in response])
        finally:
            response.close()

    return asyncio.run(run())


@both
def test_an_error_in_a_streaming_body_goes_on_to_the_server_and_is_noted(
    lines: Any, database: Any, prefix: str
) -> None:
    with pytest.raises(OSError, match="the file went away"):
        response, _ = _consume(prefix, "stream-raises")
        response.close()
    gc.collect()

    line = lines.request()
    assert (line["status_code"], line["exception_type"], line["level"]) == (200, "OSError", "ERROR")
    assert "disconnected" not in line


def test_a_body_that_is_closed_before_its_end_was_meant_for_a_client_that_left(lines: Any) -> None:
    response = _stream([b"a", b"b"])
    next(iter(response))

    response.close()

    line = lines.request()
    assert line["disconnected"] is True
    assert line["response_bytes"] == 1


def test_a_body_that_nobody_takes_or_closes_has_its_record_all_the_same(lines: Any) -> None:
    response = _stream([b"a"])

    del response
    gc.collect()

    assert lines.request()["disconnected"] is True


def test_closing_twice_writes_one_record(lines: Any) -> None:
    response = _stream([b"a"])
    assert list(response) == [b"a"]

    response.close()
    response.close()

    lines.request()


def _stream(parts: list[bytes]) -> Any:
    return PerformanceMonitoringMiddleware(lambda request: StreamingHttpResponse(parts))(RequestFactory().get("/"))


def test_a_sync_body_in_asgi_is_served_with_djangos_own_warning(lines: Any, database: Any) -> None:
    async def run() -> tuple[Any, bytes]:
        response = await AsyncClient().get("/stream")
        with pytest.warns(Warning, match="StreamingHttpResponse must consume synchronous iterators"):
            body = b"".join([part async for part in response])
        response.close()
        return response, body

    response, body = asyncio.run(run())

    assert body == b"part" * 4
    assert {one["correlation_id"] for one in lines.of("site.views")} == {response["X-Request-ID"]}
    assert lines.request()["response_bytes"] == 16


def test_a_file_may_still_be_sent_by_the_server_itself(lines: Any) -> None:
    response = PerformanceMonitoringMiddleware(sync_views.file)(RequestFactory().get("/"))

    assert response.file_to_stream is not None
    response.close()
    assert lines.request()["response_bytes"] == 100_000


@pytest.mark.parametrize("path", ["/plain", "/stream", "/file"])
def test_a_head_request_has_sent_no_body_and_lost_no_client(lines: Any, database: Any, path: str) -> None:
    response = Client().head(path)
    if response.streaming:
        response.close()

    line = lines.request()
    assert "response_bytes" not in line
    assert "disconnected" not in line


# Who is served how


def test_the_middleware_is_sync_or_async_as_what_it_wraps() -> None:
    async def view(request: Any) -> HttpResponse:
        return HttpResponse()

    assert iscoroutinefunction(PerformanceMonitoringMiddleware(view))
    assert not iscoroutinefunction(PerformanceMonitoringMiddleware(lambda request: HttpResponse()))


@pytest.mark.parametrize("rest", [[], ["misbehaving.middleware.SyncOnlyMiddleware"]], ids=["async stack", "sync stack"])
@both
def test_the_middleware_adds_no_change_of_thread(
    database: Any, monkeypatch: pytest.MonkeyPatch, rest: list[str], prefix: str
) -> None:
    hops = []
    call = SyncToAsync.__call__

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        hops.append(self)
        return call(self, *args, **kwargs)

    def count(middleware: list[str]) -> int:
        async def run() -> None:
            await AsyncClient().get(prefix + "plain")

        hops.clear()
        with override_settings(MIDDLEWARE=middleware):
            asyncio.run(run())
        return len(hops)

    monkeypatch.setattr(SyncToAsync, "__call__", counted)

    ours = "aura_logging.django.middleware.PerformanceMonitoringMiddleware"
    assert count([ours, *rest]) == count(rest)


# Clients that leave


def _leave(path: str, middleware: list[str] | None = None) -> list[dict[str, Any]]:
    """Ask an ASGI handler for a path, and leave while the view is at work; return what was sent."""
    sent: list[dict[str, Any]] = []

    async def run() -> None:
        request = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if request:
                return request.pop()
            await asyncio.sleep(0.05)
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "GET", "path": path, "headers": [(b"host", b"testserver")], "query_string": b"",
        }  # fmt: skip
        await get_asgi_application()(scope, receive, send)

    with override_settings(**({} if middleware is None else {"MIDDLEWARE": middleware})):
        asyncio.run(run())
    gc.collect()
    return sent


def test_a_client_that_leaves_an_async_view_gets_499(lines: Any, database: Any) -> None:
    assert _leave("/async/slow") == []

    line = lines.request()
    assert (line["status_code"], line["disconnected"], line["level"]) == (499, True, "WARNING")


def test_a_client_that_leaves_in_mid_stream_is_told(lines: Any, database: Any) -> None:
    assert len(_leave("/async/stream-endless")) > 1

    line = lines.request()
    assert (line["status_code"], line["disconnected"]) == (200, True)
    (given_up,) = lines.of("site.views", message="stream given up")
    assert given_up["correlation_id"] == line["correlation_id"]


def test_a_sync_stack_works_on_for_a_client_that_left_and_writes_its_record(lines: Any, database: Any) -> None:
    stack = [
        "aura_logging.django.middleware.PerformanceMonitoringMiddleware",
        "misbehaving.middleware.SyncOnlyMiddleware",
    ]

    _leave("/slow", stack)

    lines.wait("aura.request")
    lines.request()


# Hurting nobody


def test_a_projects_filter_that_raises_costs_the_record_and_not_the_response(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Broken(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise LookupError("a filter of the project's")

    handler = logging.NullHandler()
    handler.handle = Broken().filter  # type: ignore[method-assign]  # as Handler.handle, which asks filters unguarded
    log = logging.getLogger("aura.request")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        response = PerformanceMonitoringMiddleware(lambda request: HttpResponse("fine"))(RequestFactory().get("/"))
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)

    assert response.content == b"fine"
    assert "a filter of the project's" in capsys.readouterr().err


class _Unfortunate(Middleware[str]):
    """A middleware of ours with a mistake in one of its three methods."""

    def __init__(self, get_response: Any, mistake: str) -> None:
        super().__init__(get_response)
        self._mistake = mistake

    def _may_raise(self, method: str) -> None:
        if method == self._mistake:
            raise LookupError("a mistake of ours")

    def begin(self, request: Any) -> str:
        self._may_raise("begin")
        return "under way"

    def finish(self, state: str, response: Any) -> Any:
        self._may_raise("finish")
        return response

    def fail(self, state: str, error: BaseException) -> None:
        self._may_raise("fail")


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("mistake", ["begin", "finish", "fail"])
def test_a_mistake_of_ours_is_counted_and_the_request_is_served(mistake: str, is_async: bool) -> None:
    def view(request: Any) -> HttpResponse:
        if mistake == "fail":
            raise ZeroDivisionError("the project's own")
        return HttpResponse("fine")

    async def async_view(request: Any) -> HttpResponse:
        return view(request)

    def serve() -> Any:
        response = _Unfortunate(async_view if is_async else view, mistake)(RequestFactory().get("/"))
        return asyncio.run(response) if is_async else response  # type: ignore[arg-type]  # a coroutine then

    before = security_events.failures["LookupError"]
    if mistake == "fail":
        with pytest.raises(ZeroDivisionError):
            serve()
    else:
        assert serve().content == b"fine"
    assert security_events.failures["LookupError"] == before + 1
    del security_events.failures["LookupError"]


def test_a_loaded_user_that_raises_when_asked_is_shown_no_times(lines: Any) -> None:
    class Moody:
        is_authenticated = True

        @property
        def is_staff(self) -> bool:
            raise LookupError("ask me later")

    def view(request: Any) -> HttpResponse:
        request._cached_user = Moody()
        return HttpResponse("fine")

    response = PerformanceMonitoringMiddleware(view)(RequestFactory().get("/"))

    assert response.content == b"fine"
    assert "Server-Timing" not in response
    assert lines.request()["status_code"] == 200


def test_an_unrendered_template_response_is_left_unrendered(lines: Any) -> None:
    response = PerformanceMonitoringMiddleware(lambda request: TemplateResponse(request, "none.html"))(
        RequestFactory().get("/")
    )

    assert not response.is_rendered
    assert "response_bytes" not in lines.request()


def test_a_response_with_headers_of_its_own_kind_has_its_id_and_its_record(lines: Any) -> None:
    class PlainHeaders(dict[str, str]):
        """What a response of a project's own class may keep its headers in."""

    def view(request: Any) -> HttpResponse:
        response = HttpResponse("plain")
        response.headers = PlainHeaders()  # type: ignore[assignment]  # the point of it
        return response

    response = PerformanceMonitoringMiddleware(view)(RequestFactory().get("/"))

    assert response.headers == {"X-Request-ID": lines.request()["correlation_id"]}  # type: ignore[union-attr]


def test_a_response_may_be_kept_in_a_cache_and_answers_others_in_their_name(lines: Any, database: Any) -> None:
    stack = ["django.middleware.cache.UpdateCacheMiddleware", *settings.MIDDLEWARE]
    stack.append("django.middleware.cache.FetchFromCacheMiddleware")
    finished: list[str | None] = []

    def look(**_: Any) -> None:
        finished.append(correlation_id())

    with override_settings(MIDDLEWARE=stack):
        client = Client()  # its handler connects our receivers behind those that are there
        request_finished.connect(look)
        try:
            kept = [client.get("/things/7/", headers={"X-Request-ID": name}) for name in ("first", "second")]
        finally:
            request_finished.disconnect(look)

    assert [response.status_code for response in kept] == [200, 200]
    assert [line["correlation_id"] for line in lines.of("aura.request")] == finished == ["first", "second"]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_what_hangs_on_a_request_and_its_response_may_be_copied(
    copied: Any, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_queries, "_tracking", [])  # for this test only

    def view(request: Any) -> HttpResponse:
        copied(request)
        return HttpResponse("plain")

    inner = DatabaseQueryTrackingMiddleware(view)
    request = RequestFactory().get("/")
    request.environ["wsgi.errors"] = None
    response = PerformanceMonitoringMiddleware(inner)(request)
    copied(response).close()

    assert lines.request()["db_queries"] == 0


def test_a_header_that_the_view_has_set_stays(get: Any) -> None:
    assert get("/own-header")["X-Request-ID"] == "of-the-view"


def test_an_exception_that_no_handler_turns_into_a_response_is_written_and_raised(lines: Any) -> None:
    def view(request: Any) -> HttpResponse:
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        PerformanceMonitoringMiddleware(view)(RequestFactory().get("/"))

    line = lines.request()
    assert (line["status_code"], line["exception_type"]) == (500, "SystemExit")


def test_requests_are_not_kept_alive(lines: Any, database: Any) -> None:
    kept: list[weakref.ref[Any]] = []
    held: list[weakref.ref[Any]] = []

    def view(request: Any) -> HttpResponse:
        kept.append(weakref.ref(request))
        response = StreamingHttpResponse([b"x"]) if len(kept) % 2 else HttpResponse()
        held.append(weakref.ref(response))
        return response

    middleware = PerformanceMonitoringMiddleware(view)
    factory = RequestFactory()
    gc.disable()  # reference counts alone must free them
    try:
        for _ in range(2_000):
            response = middleware(factory.get("/"))
            response.close()
            del response
        alive = sum(ref() is not None for ref in kept), sum(ref() is not None for ref in held)
    finally:
        gc.enable()

    assert alive == (0, 0)


def test_async_requests_are_not_kept_alive(lines: Any, database: Any) -> None:
    kept: list[weakref.ref[Any]] = []

    async def view(request: Any) -> HttpResponse:
        kept.append(weakref.ref(request))
        return HttpResponse()

    middleware: Any = PerformanceMonitoringMiddleware(view)

    async def run() -> None:
        factory = AsyncRequestFactory()
        await asyncio.gather(*(asyncio.create_task(middleware(factory.get("/"))) for _ in range(500)))

    asyncio.run(run())
    gc.collect()

    assert not any(ref() is not None for ref in kept)


def test_who_keeps_a_context_keeps_no_async_request(lines: Any, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_queries, "_tracking", [True])
    kept: list[weakref.ref[Any]] = []
    contexts: list[contextvars.Context] = []

    async def view(request: Any) -> HttpResponse:
        kept.append(weakref.ref(request))
        contexts.append(contextvars.copy_context())  # as a task or a thread does that goes on
        return HttpResponse()

    middleware: Any = PerformanceMonitoringMiddleware(view)

    async def run() -> None:
        await asyncio.create_task(middleware(AsyncRequestFactory().get("/")))

    asyncio.run(run())
    gc.collect()

    assert [ref() for ref in kept] == [None]
    assert contexts


def test_an_id_in_the_record_is_a_valid_address_or_absent(lines: Any) -> None:
    middleware = PerformanceMonitoringMiddleware(lambda request: HttpResponse())
    for peer in ("10.0.0.1", "::ffff:10.0.0.1", "", "unix:", "no address"):
        middleware(RequestFactory().get("/", REMOTE_ADDR=peer))

    found = [one.get("client_ip") for one in lines.of("aura.request")]
    assert found == ["10.0.0.1", "10.0.0.1", None, None, None]
    assert all(ipaddress.ip_address(one) for one in found if one)
