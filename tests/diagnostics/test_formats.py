"""A format is held against the filters on the way, in all three styles."""

from __future__ import annotations

import logging

import pytest

from aura_logging.diagnostics.formats import fields_missing
from aura_logging.filters import RequestContextFilter, SamplingFilter

CONTEXT = RequestContextFilter(service_name="shop", host_metrics=False, environ={})


@pytest.mark.parametrize(
    ("formatter", "filters", "missing"),
    [
        (None, [], set()),
        (logging.Formatter(), [], set()),
        (logging.Formatter("%(asctime)s %(levelname)s %(message)s"), [], set()),
        (logging.Formatter("%(correlation_id)s %(tenant)s"), [], {"correlation_id", "tenant"}),
        (logging.Formatter("%(correlation_id)s"), [CONTEXT], set()),
        (logging.Formatter("%(correlation_id)s %(user_id)s"), [CONTEXT], {"user_id"}),
        (logging.Formatter("{correlation_id:>8} {tenant.name}", style="{"), [CONTEXT], {"tenant"}),
        (logging.Formatter("${correlation_id} $tenant", style="$"), [SamplingFilter()], {"correlation_id", "tenant"}),
        (logging.Formatter("%(tenant)s", defaults={"tenant": "-"}), [], set()),
        (logging.Formatter("%(tenant)s"), [lambda record: True], set()),
    ],
)
def test_fields_that_nobody_sets_are_missing(
    formatter: logging.Formatter | None, filters: list[object], missing: set[str]
) -> None:
    assert fields_missing(formatter, filters) == missing
