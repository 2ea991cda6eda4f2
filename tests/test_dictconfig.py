"""A handler may be meant by name, by dict or by itself, in any order, and whoever means one holds it."""

from __future__ import annotations

import copy
import gc
import itertools
import logging
import logging.config
import logging.handlers
import string
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging import dictconfig
from aura_logging.handlers import AsyncBufferedHandler, FailoverHandler


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    # dictConfig shuts down every handler there is, pytest's own among them.
    known = dict(logging._handlers.items()), list(logging._handlerList)  # type: ignore[attr-defined]
    logging._handlerList.clear()  # type: ignore[attr-defined]
    yield
    root.handlers[:], root.level = handlers, level
    logging.shutdown(list(logging._handlerList))  # type: ignore[attr-defined]
    logging._handlerList[:] = known[1]  # type: ignore[attr-defined]
    logging._handlers.clear()  # type: ignore[attr-defined]
    logging._handlers.update(known[0])  # type: ignore[attr-defined]


ASYNC = {"class": "aura_logging.handlers.AsyncBufferedHandler"}
FAILOVER = {"class": "aura_logging.handlers.FailoverHandler"}
MEMORY = {"class": "logging.handlers.MemoryHandler", "capacity": 1}
STREAM = {"class": "logging.StreamHandler"}


def configure(handlers: dict[str, Any], **rest: Any) -> dict[str, logging.Handler]:
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "handlers": handlers, **rest})
    return dict(logging._handlers.items())  # type: ignore[attr-defined]  # public only from 3.12


def refused(handlers: dict[str, Any]) -> str:
    with pytest.raises(ValueError) as error:
        configure(handlers)
    told, cause = [], error.value
    while cause is not None:
        told.append(str(cause))
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]  # any exception will do here
    return "\n".join(told)


names = st.lists(st.text(string.ascii_letters + "_", min_size=1, max_size=3), min_size=4, max_size=4, unique=True)


def chain_is_whole(outer: str, middle: str, left: str, right: str) -> None:
    config = {
        outer: {**ASYNC, "target": middle},
        middle: {**FAILOVER, "handlers": [left, right]},
        left: {**STREAM, "level": "ERROR"},
        right: STREAM,
    }
    made = configure(copy.deepcopy(config), root={"handlers": [outer, right]})

    async_handler, failover = made[outer], made[middle]
    assert isinstance(async_handler, AsyncBufferedHandler)
    assert async_handler._target.handler is failover
    assert isinstance(failover, FailoverHandler)
    assert [child.handler for child in failover._children] == [made[left], made[right]]
    assert made[left].level == logging.ERROR
    assert [handler.name for handler in (async_handler, failover, made[left], made[right])] == [
        outer, middle, left, right,
    ]  # fmt: skip
    assert set(logging.getLogger().handlers) == {async_handler, made[right]}


@pytest.mark.parametrize("order", list(itertools.permutations("abcd")), ids="".join)
def test_names_resolve_in_every_order(order: tuple[str, str, str, str]) -> None:
    chain_is_whole(*order)


@settings(max_examples=30, deadline=None)
@given(names)
def test_names_resolve_whatever_they_are(order: list[str]) -> None:
    chain_is_whole(*order)


@pytest.mark.parametrize("order", list(itertools.permutations("abc")), ids="".join)
def test_the_standard_librarys_own_wrapper_may_be_in_between(order: tuple[str, str, str]) -> None:
    outer, middle, inner = order

    made = configure({outer: {**ASYNC, "target": middle}, middle: {**MEMORY, "target": inner}, inner: STREAM})

    memory = made[middle]
    assert made[outer]._target.handler is memory  # type: ignore[attr-defined]
    assert isinstance(memory, logging.handlers.MemoryHandler)
    assert memory.target is made[inner]


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_the_standard_librarys_own_wrapper_may_be_outside(order: str) -> None:
    outer, inner = order

    made = configure({outer: {**MEMORY, "target": inner}, inner: {**ASYNC, "target": STREAM}})

    memory = made[outer]
    assert isinstance(memory, logging.handlers.MemoryHandler)
    assert memory.target is made[inner]


def test_two_may_mean_the_same_handler() -> None:
    made = configure({"a": {**ASYNC, "target": "z"}, "b": {**ASYNC, "target": "z"}, "z": STREAM})

    assert made["a"]._target.handler is made["b"]._target.handler is made["z"]  # type: ignore[attr-defined]


def test_a_handler_that_only_another_one_names_outlives_dictconfig() -> None:
    made = configure({"a": {**ASYNC, "target": "z"}, "z": {**STREAM, "level": "ERROR"}}, root={"handlers": ["a"]})
    inner = weakref.ref(made.pop("z"))
    del made

    gc.collect()

    alive = inner()
    assert alive is not None and alive.level == logging.ERROR


def test_an_inline_dict_has_formatter_level_and_filters_of_the_configuration() -> None:
    made = configure(
        {"a": {**ASYNC, "target": {**STREAM, "formatter": "short", "level": "ERROR", "filters": ["mine"]}}},
        formatters={"short": {"format": "short %(message)s"}},
        filters={"mine": {"name": "shop"}},
    )

    target = made["a"]._target.handler  # type: ignore[attr-defined]
    assert target.formatter._fmt == "short %(message)s"
    assert target.level == logging.ERROR
    assert [filter_.name for filter_ in target.filters] == ["shop"]


def test_an_inline_dict_may_hold_another() -> None:
    made = configure({"a": {**ASYNC, "target": {**FAILOVER, "handlers": [STREAM, {**STREAM, "level": "ERROR"}]}}})

    failover = made["a"]._target.handler  # type: ignore[attr-defined]
    assert [child.handler.level for child in failover._children] == [logging.NOTSET, logging.ERROR]


def test_the_users_dict_is_left_as_it_was() -> None:
    config = {"a": {**ASYNC, "target": {**STREAM, "level": "ERROR"}}, "b": {**ASYNC, "target": "c"}, "c": dict(STREAM)}
    before = copy.deepcopy(config)

    configure(config)

    assert config == before


def test_a_factory_may_make_the_target() -> None:
    made = configure({"a": {**ASYNC, "target": "z"}, "z": {"()": logging.NullHandler}})

    assert isinstance(made["a"]._target.handler, logging.NullHandler)  # type: ignore[attr-defined]


def test_a_handler_itself_may_be_given() -> None:
    handler = logging.NullHandler()

    made = configure({"a": {**ASYNC, "target": handler}})

    assert made["a"]._target.handler is handler  # type: ignore[attr-defined]


def test_cfg_references_work_as_everywhere() -> None:
    made = configure({"z": {**FAILOVER, "handlers": ["cfg://handlers.a"]}, "a": STREAM})

    assert made["z"]._children[0].handler is made["a"]  # type: ignore[attr-defined]


# Mistakes -------------------------------------------------------------------------------------------------------------


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    told = refused({"async_file": {**ASYNC, "target": "jsn"}, "json": STREAM})

    assert "target='jsn' is not in LOGGING[\"handlers\"]. Did you mean 'json'?" in told


def test_in_a_list_the_place_is_named_too() -> None:
    told = refused({"failover": {**FAILOVER, "handlers": [STREAM, "jsn"]}, "json": STREAM})

    assert "handlers[1]='jsn' is not in LOGGING[\"handlers\"]." in told


def test_a_handler_that_means_itself_is_refused() -> None:
    assert "target='a' refers back to a handler that waits for it" in refused({"a": {**ASYNC, "target": "a"}})


def test_two_that_mean_each_other_are_refused() -> None:
    told = refused({"a": {**ASYNC, "target": "b"}, "b": {**ASYNC, "target": "a"}})

    assert "target='a' refers back to a handler that waits for it" in told


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ({"level": "INFO"}, "target={'level': 'INFO'} has no \"class\"; say which"),
        ({**STREAM, "formatter": "jsn"}, "Unable to set formatter 'jsn'"),
        ({**STREAM, "strem": 1}, "unexpected keyword argument 'strem'"),
        ({"class": "logging.StreamHandlr"}, "Cannot resolve 'logging.StreamHandlr'"),
        (7, "target=7 is no handler"),
        (None, "target=None is no handler"),
    ],
)
def test_what_is_wrong_with_an_inline_dict_is_told(target: Any, told: str) -> None:
    assert told in refused({"a": {**ASYNC, "target": target}})


def test_the_option_that_is_wrong_is_named_through_dictconfig() -> None:
    assert "buffer_size=0 must be a whole number over 0." in refused(
        {"a": {**ASYNC, "target": STREAM, "buffer_size": 0}}
    )


# Outside dictConfig ---------------------------------------------------------------------------------------------------


def test_outside_dictconfig_a_name_is_looked_up_among_the_handlers_that_exist() -> None:
    console = logging.StreamHandler()
    console.name = "console"

    assert dictconfig.resolve("console", option="target") is console
    with pytest.raises(ValueError, match=r"target='consol' names no handler that exists. Did you mean 'console'\?"):
        dictconfig.resolve("consol", option="target")


def test_outside_dictconfig_an_inline_dict_works_as_well() -> None:
    handler = dictconfig.resolve({**STREAM, "level": "ERROR"}, option="target")

    assert isinstance(handler, logging.StreamHandler)
    assert handler.level == logging.ERROR
