"""What was not written is shown, whoever left it out."""

from __future__ import annotations

from aura_logging.diagnostics.report import Condition, FilterState, HandlerState, Worker
from aura_logging.django.dashboard.volume import LeftOut, volume
from aura_logging.health import Status
from aura_logging.metrics.window import Window


def worker(condition: Condition) -> Worker:
    facts = {"discarded": 5, "unwanted": 0, "released": 9}
    return Worker(
        "w", "web-1", 1, "gunicorn", condition, 0.0, 60.0, Status.HEALTHY,
        handlers=(HandlerState("request_buffer", "RequestBuffer", facts=facts), HandlerState("json", "File")),
        filters=(FilterState("SamplingFilter", "async_file", dropped={"sampled_info": 3}),),
        parts=(),
    )  # fmt: skip


def test_what_filters_and_request_buffers_left_out_is_added_up_over_the_workers_that_are_there() -> None:
    workers = [worker(condition) for condition in (Condition.SELF, Condition.ALIVE, Condition.GONE)]

    found = volume(Window(0, 60, 60, ()), workers).left_out

    assert found == (
        LeftOut("in request_buffer", "request_went_well", 10),
        LeftOut("before async_file", "sampled_info", 6),
    )
