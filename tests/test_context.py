"""A field lives where it was bound and nowhere else: thread, task, block, unit of work."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial
from typing import Any

import pytest

from aura_logging import bind, bound, correlation_id, fields, run_in_context, unbind
from aura_logging.context import release, start
from aura_logging.filters import RequestContextFilter


@pytest.fixture(autouse=True)
def _nothing_bound() -> Iterator[None]:
    release()
    yield
    release()


def test_what_is_bound_stays_until_it_is_unbound() -> None:
    bind(order_id=7, shelf="poetry")
    bind(order_id=8)

    unbind("shelf", "never bound")

    assert fields() == {"order_id": 8}


def test_a_field_may_be_learnt_on_another_thread_while_one_is_unbound() -> None:
    class Interrupted(str):
        """A name that is looked at as another thread adds to the fields that a request began with."""

        def __hash__(self) -> int:
            began.update(learnt)
            return super().__hash__()

    learnt: dict[str, Any] = {}
    began: dict[str, Any] = {}
    began[Interrupted("order_id")] = 7
    start(began)

    learnt["route"] = "/"
    unbind("shelf")

    assert fields()["order_id"] == 7


def test_the_fields_are_a_copy() -> None:
    bind(order_id=7)

    fields()["order_id"] = "forged"

    assert fields() == {"order_id": 7}


@pytest.mark.parametrize(
    "name", ["name", "args", "msg", "module", "levelname", "exc_info", "message", "asctime", "taskName"]
)
def test_a_name_that_logging_needs_is_bound_with_a_line_under_it(name: str) -> None:
    bind(**{name: "mine"})
    assert fields() == {f"{name}_": "mine"}

    with bound(**{name: "inner"}):
        assert fields() == {f"{name}_": "inner"}
    unbind(name)

    assert fields() == {}


def test_reserved_names_on_a_record_break_no_logging() -> None:
    record = logging.LogRecord("shop", 20, "", 0, "hello %s", ("you",), None)
    bind(args=1, msg=2, name=3, levelno=4, level="forged", request="x", _aura=5)

    RequestContextFilter(host_metrics=False).filter(record)

    assert record.getMessage() == "hello you"
    assert (record.name, record.levelno) == ("shop", 20)


def test_the_correlation_id_is_text_or_none() -> None:
    assert correlation_id() is None
    bind(correlation_id=7)
    assert correlation_id() == "7"
    bind(correlation_id=None)
    assert correlation_id() is None


# Blocks ---------------------------------------------------------------------------------------------------------------


def test_a_block_takes_back_its_own_fields_and_no_others() -> None:
    bind(order_id=7, shelf="poetry")

    with bound(order_id=8, step=1):
        bind(learnt="yes", shelf="prose")
        assert fields() == {"order_id": 8, "shelf": "prose", "step": 1, "learnt": "yes"}

    assert fields() == {"order_id": 7, "shelf": "prose", "learnt": "yes"}


def test_a_block_that_is_left_by_an_exception_takes_back_its_fields_and_lets_it_pass() -> None:
    with pytest.raises(KeyError), bound(order_id=7):
        raise KeyError

    assert fields() == {}


def test_blocks_nest_and_one_block_may_be_entered_again_inside_itself() -> None:
    block = bound(step=1)

    with block, bound(step=2):
        with block:
            assert fields() == {"step": 1}
        assert fields() == {"step": 2}
    assert fields() == {}


def test_a_field_that_was_unbound_inside_comes_back_outside() -> None:
    bind(step=0)
    with bound(step=1):
        unbind("step")
        assert fields() == {}
    assert fields() == {"step": 0}


def test_a_block_around_the_end_of_a_unit_of_work_brings_nothing_back() -> None:
    bind(user_id="of the first request")
    with bound(user_id="inner"):
        start({"path": "/second"})

    assert fields() == {"path": "/second"}


def test_one_block_shared_by_tasks_and_threads_puts_back_what_each_had() -> None:
    shared = bound(component="audit")

    async def work(own: str, inside: asyncio.Event, go: asyncio.Event) -> dict[str, Any]:
        bind(component=own)
        with shared:
            inside.set()
            await go.wait()
        return fields()

    async def main() -> list[dict[str, Any]]:
        a_inside, b_inside, a_go, b_go = (asyncio.Event() for _ in range(4))
        a = asyncio.create_task(work("a", a_inside, a_go))
        await a_inside.wait()
        b = asyncio.create_task(work("b", b_inside, b_go))
        await b_inside.wait()
        a_go.set()
        first = await a
        b_go.set()
        return [first, await b]

    assert asyncio.run(main()) == [{"component": "a"}, {"component": "b"}]


def test_a_decorated_function_is_bound_during_each_call() -> None:
    @bound(task="import")
    def work(depth: int) -> list[dict[str, Any]]:
        """Import."""
        seen = [fields()]
        return seen + work(depth - 1) if depth else seen

    assert work(2) == [{"task": "import"}] * 3
    assert fields() == {}
    assert (work.__name__, work.__doc__) == ("work", "Import.")


def test_a_decorated_coroutine_is_bound_while_it_runs() -> None:
    @bound(task="import")
    async def work() -> dict[str, Any]:
        await asyncio.sleep(0)
        return fields()

    async def main() -> tuple[dict[str, Any], dict[str, Any]]:
        return await work(), fields()

    assert inspect.iscoroutinefunction(work)
    assert asyncio.run(main()) == ({"task": "import"}, {})


def test_a_decorated_method_gets_its_self() -> None:
    class Importer:
        @bound(task="import")
        def work(self) -> tuple[Importer, dict[str, Any]]:
            return self, fields()

    importer = Importer()

    assert importer.work() == (importer, {"task": "import"})


def a_generator() -> Iterator[int]:
    yield 1


async def an_async_generator() -> AsyncIterator[int]:
    yield 1


async def a_coroutine() -> None: ...


@pytest.mark.parametrize("function", [a_generator, an_async_generator, partial(a_generator)])
def test_a_generator_cannot_be_decorated_and_the_error_says_what_to_do(function: Any) -> None:
    with pytest.raises(TypeError, match=r"generator.*with bound"):
        bound(task="import")(function)


def test_an_async_generator_that_the_loop_closes_leaves_nothing_behind_and_raises_nothing() -> None:
    closed: list[dict[str, Any]] = []

    async def rows() -> AsyncIterator[int]:
        try:
            with bound(step="rows"):
                yield 1
                yield 2
        finally:
            closed.append(fields())

    async def main() -> None:
        errors: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        bind(job="outer")
        generator = rows()
        await asyncio.create_task(first_of(generator))  # another context than the one it is closed in
        del generator
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        assert errors == []
        assert fields() == {"job": "outer"}

    async def first_of(generator: AsyncIterator[int]) -> int:
        return await anext(generator)

    asyncio.run(main())
    assert len(closed) == 1


def test_a_block_left_in_another_context_changes_nothing_there() -> None:
    block = bound(step=1)
    one, other = Context(), Context()
    other.run(bind, step="other")

    one.run(block.__enter__)
    other.run(block.__exit__, None, None, None)

    assert other.run(fields) == {"step": "other"}


# Threads, executors, tasks --------------------------------------------------------------------------------------------


def in_thread(work: Any) -> Any:
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(work()))
    thread.start()
    thread.join(10)
    return seen[0]


def test_a_bare_thread_starts_empty_and_a_wrapped_one_with_what_was_bound_then() -> None:
    bind(order_id=7)
    wrapped = run_in_context(fields)
    bind(order_id="later")

    assert in_thread(fields) == {}
    assert in_thread(wrapped) == {"order_id": 7}


def test_what_a_wrapped_function_binds_does_not_come_back_nor_reach_the_next_call() -> None:
    bind(order_id=7)

    def work(number: int) -> dict[str, Any]:
        before = fields()
        bind(number=number)
        return before

    wrapped = run_in_context(work)

    assert [in_thread(partial(wrapped, n)) for n in range(3)] == [{"order_id": 7}] * 3
    assert wrapped(9) == {"order_id": 7}
    assert fields() == {"order_id": 7}


def test_many_threads_may_run_one_wrapped_function_at_once() -> None:
    together = threading.Barrier(8)

    def work(number: int) -> dict[str, Any]:
        together.wait(10)
        bind(number=number)
        together.wait(10)
        return fields()

    bind(order_id=7)
    with ThreadPoolExecutor(8) as executor:
        seen = list(executor.map(run_in_context(work), range(8)))

    assert seen == [{"order_id": 7, "number": number} for number in range(8)]


def test_an_executor_keeps_nothing_for_the_next_job() -> None:
    with ThreadPoolExecutor(1) as executor:
        with bound(order_id=7):
            executor.submit(run_in_context(bind), leaked=1).result(10)
        assert executor.submit(fields).result(10) == {}


def test_a_wrapped_function_keeps_its_name_its_result_and_its_error() -> None:
    def work(number: int, *, base: int = 10) -> int:
        return int(str(number), base)

    assert run_in_context(work)(11, base=2) == 3
    assert run_in_context(work).__name__ == "work"
    with pytest.raises(ValueError):
        run_in_context(work)(9, base=2)
    assert run_in_context(partial(work, 5))() == 5


@pytest.mark.parametrize("function", [a_coroutine, a_generator])
def test_a_function_whose_body_runs_elsewhere_is_refused(function: Any) -> None:
    with pytest.raises(TypeError, match=f"run_in_context.*{function.__name__}"):
        run_in_context(function)


def test_tasks_inherit_and_cannot_leak_back_or_sideways() -> None:
    async def work(number: int) -> dict[str, Any]:
        bind(number=number)
        await asyncio.sleep(0)
        with bound(step=number):
            await asyncio.sleep(0)
        return fields()

    async def main() -> tuple[list[dict[str, Any]], dict[str, Any]]:
        bind(order_id=7)
        task = asyncio.create_task(work(0))
        gathered = await asyncio.gather(*(work(number) for number in range(1, 50)))
        return [await task, *gathered], fields()

    seen, outside = asyncio.run(main())

    assert seen == [{"order_id": 7, "number": number} for number in range(50)]
    assert outside == {"order_id": 7}
    assert fields() == {}


def test_to_thread_inherits_and_run_in_executor_needs_the_helper() -> None:
    async def main() -> list[dict[str, Any]]:
        loop = asyncio.get_running_loop()
        bind(order_id=7)
        return [
            await asyncio.to_thread(fields),
            await loop.run_in_executor(None, fields),
            await loop.run_in_executor(None, run_in_context(fields)),
        ]

    assert asyncio.run(main()) == [{"order_id": 7}, {}, {"order_id": 7}]


# Units of work --------------------------------------------------------------------------------------------------------


class Later:
    """Learns by calling a function."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self.ask = ask


def test_a_unit_of_work_starts_with_its_own_fields_and_leaves_none() -> None:
    start({"path": "/first", "user_id": "1"}, Later(lambda: bind(learnt=1)))
    bind(extra=1)
    assert fields() == {"path": "/first", "user_id": "1", "extra": 1, "learnt": 1}

    start({"path": "/second"})
    assert fields() == {"path": "/second"}

    start({}, Later(lambda: bind(learnt=2)))
    release()
    assert fields() == {}


def test_a_thread_that_serves_one_unit_after_another_mixes_nothing() -> None:
    def serve(number: int) -> dict[str, Any]:
        start({"number": number})
        with bound(**{f"own_{number}": number}):
            seen = fields()
        release()
        assert fields() == {}
        return seen

    with ThreadPoolExecutor(4) as executor:
        served = list(executor.map(serve, range(200)))

    assert served == [{"number": number, f"own_{number}": number} for number in range(200)]


def test_what_is_learnt_later_is_asked_for_at_each_record() -> None:
    asked: list[int] = []

    def learn() -> None:
        asked.append(1)
        if len(asked) == 2:
            bind(user_id="7")

    start({}, Later(learn))
    record_filter = RequestContextFilter(host_metrics=False)
    seen = []
    for _ in range(3):
        record = logging.LogRecord("shop", 20, "", 0, "hello", (), None)
        record_filter.filter(record)
        seen.append(record.__dict__.get("user_id"))

    assert seen == [None, "7", "7"]


def test_a_copied_context_carries_what_is_learnt_later() -> None:
    start({}, Later(lambda: bind(user_id="7")))

    assert copy_context().run(fields) == {"user_id": "7"}
