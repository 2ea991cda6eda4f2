"""A drawing says what its numbers say: in lines for who sees it, in words for who does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.django.dashboard.charts import HEIGHT, Line, draw, nice_top
from aura_logging.django.dashboard.wording import rate

TIMES = [1_800_000_000.0 + 60 * n for n in range(4)]


def test_a_drawing_reaches_from_nothing_to_a_round_number_and_leaves_a_gap_where_nothing_is_known() -> None:
    chart = draw("traffic", "Requests", TIMES, [Line("all", "accent", [0, 90, None, 45], is_filled=True)], rate)

    assert chart.levels == ("100", "50", "0")
    assert chart.curves[0].path == "M0.0,160.0L200.0,16.0 M600.0,88.0L600.0,88.0"
    assert chart.curves[0].newest == "45"
    assert chart.description == "From 08:00 to 08:03 UTC: all up to 90."
    assert [row[1] for row in chart.rows] == ["0", "90", "–", "45"]


@pytest.mark.parametrize("values", [[0, 0, 0, 0], [None, None, None, None], []])
def test_where_nothing_was_counted_there_is_nothing_to_be_seen(values: list[float | None]) -> None:
    chart = draw("traffic", "Requests", TIMES[: len(values)], [Line("all", "accent", values)], rate)

    assert chart.is_empty
    assert chart.description == "No data."


@given(st.floats(min_value=1e-9, max_value=1e12))
def test_the_top_of_a_scale_is_round_and_near(highest: float) -> None:
    top = nice_top(highest)

    assert highest <= top <= 2.01 * highest
    assert float(f"{top:.1g}") == pytest.approx(top)


@given(st.lists(st.none() | st.floats(0, 1e9), min_size=1, max_size=80))
def test_no_point_lies_outside_the_drawing(values: list[float | None]) -> None:
    times = [1_800_000_000.0 + 60 * n for n in range(len(values))]
    chart = draw("traffic", "Requests", times, [Line("all", "accent", values)], rate)

    for point in chart.curves[0].path.replace("M", " ").replace("L", " ").split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= 600
        assert 0 <= y <= HEIGHT
    assert len(chart.rows) <= 12
