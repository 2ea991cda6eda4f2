"""What no web request starts has ids of its own for a block, and leaves none behind."""

from __future__ import annotations

import asyncio

import pytest

from aura_logging import bind, bound, context, fields, outgoing_headers
from aura_logging.propagation import unit_of_work

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture(autouse=True)
def _nothing_bound() -> None:
    context.release()


def test_a_block_has_ids_and_the_headers_to_go_with_them() -> None:
    with unit_of_work(job="nightly"):
        inside = fields()
        headers = outgoing_headers()

    assert inside["job"] == "nightly"
    assert inside["correlation_id"] == inside["trace_id"]
    assert headers == {
        "traceparent": f"00-{inside['trace_id']}-{inside['span_id']}-00",
        "X-Request-ID": inside["correlation_id"],
    }
    assert "parent_span_id" not in inside
    assert (fields(), outgoing_headers()) == ({}, {})


def test_two_blocks_have_two_ids() -> None:
    with unit_of_work() as one:
        pass
    with unit_of_work() as other:
        pass

    assert one.correlation_id != other.correlation_id


def test_a_message_hands_its_senders_ids_on_by_any_spelling() -> None:
    with unit_of_work({"TraceParent": f"00-{TRACE}-{SPAN}-01"}) as trace:
        assert fields()["parent_span_id"] == SPAN

    assert (trace.correlation_id, trace.trace_id, trace.flags) == (TRACE, TRACE, "01")


def test_a_message_with_a_malformed_id_gets_a_new_one() -> None:
    with unit_of_work({"X-Request-ID": "bad\r\nid"}) as trace:
        assert trace.correlation_id == trace.trace_id


def test_a_block_within_another_is_a_span_of_its_own_under_the_same_id() -> None:
    with unit_of_work({"traceparent": f"00-{TRACE}-{SPAN}-01"}) as outer:
        with unit_of_work(step="inner") as inner:
            inside = fields()
        after = fields()

    assert (inner.correlation_id, inner.trace_id, inner.parent_span_id) == (TRACE, TRACE, outer.span_id)
    assert (inside["span_id"], inside["parent_span_id"]) == (inner.span_id, outer.span_id)
    assert (after["span_id"], after["parent_span_id"]) == (outer.span_id, SPAN)
    assert "step" not in after


def test_a_message_read_within_a_request_is_no_child_of_its_caller() -> None:
    with unit_of_work({"traceparent": f"00-{TRACE}-{SPAN}-01"}), unit_of_work({"X-Request-ID": "msg-7"}):
        inside = fields()

    assert (inside["correlation_id"], inside["parent_span_id"]) == ("msg-7", None)


def test_what_was_bound_before_is_back_also_after_an_error() -> None:
    bind(correlation_id="mine", job="outer")

    with pytest.raises(LookupError), unit_of_work(job="inner"):
        raise LookupError

    assert fields() == {"correlation_id": "mine", "job": "outer"}


def test_an_id_cannot_be_overridden_by_a_field_of_that_name() -> None:
    with unit_of_work({"X-Request-ID": "msg-7"}, correlation_id="other"):
        assert fields()["correlation_id"] == "msg-7"


def test_concurrent_tasks_have_each_their_own() -> None:
    async def work(number: int) -> tuple[str, str]:
        with unit_of_work({"X-Request-ID": f"msg-{number}"}):
            await asyncio.sleep(0)
            return outgoing_headers()["X-Request-ID"], fields()["correlation_id"]

    async def run() -> list[tuple[str, str]]:
        return await asyncio.gather(*(work(number) for number in range(20)))

    assert asyncio.run(run()) == [(f"msg-{number}",) * 2 for number in range(20)]


def test_as_a_decorator_each_call_is_a_unit() -> None:
    @unit_of_work(job="nightly")
    def work() -> str:
        return str(fields()["correlation_id"])

    assert work() != work()


def test_inside_a_block_another_id_may_be_bound() -> None:
    with unit_of_work(), bound(correlation_id="job-7"):
        assert outgoing_headers()["X-Request-ID"] == "job-7"
