"""Promises of `aura_logging.testing.capture`."""

from __future__ import annotations

import logging

from aura_logging import bound
from aura_logging.testing import capture


def test_it_collects_what_child_loggers_log_with_the_bound_context() -> None:
    with capture("captured.shop") as records, bound(correlation_id="r-1"):
        logging.getLogger("captured.shop.orders").debug("order %s placed", 7, extra={"order_id": 7})

    assert records.messages == ["order 7 placed"]
    assert records.fields[0]["order_id"] == 7
    assert records.fields[0]["correlation_id"] == "r-1"


def test_it_leaves_the_logger_as_it_was() -> None:
    logger = logging.getLogger("captured.level")
    logger.setLevel(logging.ERROR)

    with capture(logger, level="INFO") as records:
        logger.info("seen")
    logger.info("not seen")

    assert records.messages == ["seen"]
    assert (logger.level, logger.handlers) == (logging.ERROR, [])


def test_an_exception_in_the_block_goes_on_and_the_handler_is_gone() -> None:
    logger = logging.getLogger("captured.error")

    try:
        with capture(logger):
            raise KeyError("x")
    except KeyError:
        pass

    assert logger.handlers == []
