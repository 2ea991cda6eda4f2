"""A drawing is drawn of whatever numbers there are, and what it says in words is said in numbers that exist."""

from __future__ import annotations

import math
import re

import pytest
from django.template import Context, Engine
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging.django.dashboard import wording
from aura_logging.django.dashboard.charts import HEIGHT, WIDTH, Chart, Line, draw, nice_top
from aura_logging.django.dashboard.rendering import engine

START = 1_800_000_000.0
WORDS = (wording.count, wording.rate, wording.duration, wording.share, wording.age, wording.size, wording.number)

values = st.lists(st.none() | st.floats(), max_size=80)


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]


def drawn(*of_lines: list[float | None], step: float = 60.0, title: str = "Requests") -> Chart:
    times = [START + step * place for place in range(len(of_lines[0]))]
    lines = [Line(f"line {number}", "accent", each, is_filled=True) for number, each in enumerate(of_lines)]
    return draw("key", title, times, lines, wording.duration)


@settings(max_examples=200)
@given(values, values)
def test_no_number_breaks_a_drawing(first: list[float | None], second: list[float | None]) -> None:
    length = min(len(first), len(second))

    chart = drawn(first[:length], second[:length])

    for curve in chart.curves:
        assert re.fullmatch(r"[ML0-9.,Z ]*", curve.path + curve.area)
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points(curve.path + curve.area))
    words = " ".join([chart.description, *chart.levels, *(cell for row in chart.rows for cell in row)])
    assert not re.search(r"\b(?:nan|inf|None)\b", words)
    assert len(chart.rows) <= 12


@given(st.floats())
def test_words_are_of_numbers_only(value: float) -> None:
    for words in WORDS:
        assert not re.search(r"nan|inf", words(value))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_scale_ends_at_or_above_the_highest_value(highest: float) -> None:
    top = nice_top(highest)

    assert 0 < top < math.inf
    assert top >= highest


def test_a_line_goes_from_edge_to_edge_and_a_missing_value_is_a_gap() -> None:
    (curve,) = drawn([0.0, 1.0, None, math.nan, 2.0, 1.0]).curves

    assert curve.path == "M0.0,160.0L120.0,80.0 M480.0,0.0L600.0,80.0"
    assert curve.newest == "1 s"


def test_one_value_alone_is_a_dot_and_none_is_no_chart() -> None:
    assert drawn([1.0]).curves[0].path == "M0.0,0.0L0.0,0.0"
    assert drawn([None, 2.0, None, 1.0, 1.0]).curves[0].dots == "M150.0,0.0L150.0,0.0"
    assert drawn([1.0, 1.0]).curves[0].dots == ""
    assert drawn([None, None]).is_empty
    assert drawn([0.0, 0.0], [0.0, None]).is_empty
    assert drawn([]).is_empty
    assert drawn([]).description == "No data."


@pytest.mark.parametrize(
    ("step", "times"),
    [
        (60.0, ("08:00", "08:20", "08:40", "09:00")),
        (1_440.0, ("08:00", "16:00", "00:00", "08:00")),
        (86_400.0, ("15 Jan", "04 Feb", "24 Feb", "16 Mar")),
    ],
)
def test_times_are_named_in_utc_by_hour_or_by_day(step: float, times: tuple[str, ...]) -> None:
    chart = drawn([1.0] * 61, step=step)

    assert chart.times == times


@pytest.mark.parametrize("values", [[0, 0, 0, 0], [None, None, None, None], []])
def test_where_nothing_was_counted_there_is_nothing_to_be_seen(values: list[float | None]) -> None:
    chart = drawn(values)

    assert chart.is_empty
    assert chart.description == "No data."


@given(st.floats(min_value=1e-9, max_value=1e12))
def test_the_top_of_a_scale_is_round_and_near(highest: float) -> None:
    top = nice_top(highest)

    assert highest <= top <= 2.01 * highest
    assert float(f"{top:.1g}") == pytest.approx(top)


def test_levels_are_the_top_its_half_and_nothing() -> None:
    assert drawn([0.7, 2.3]).levels == ("3 s", "1.50 s", "0 ms")


def test_the_table_says_what_the_drawing_shows() -> None:
    chart = drawn([float(n) for n in range(60)], [None] * 60)

    assert len(chart.rows) == 12
    assert chart.rows[1] == ("08:05", "5 s", wording.NOTHING)
    assert chart.description == "From 08:00 to 08:59 UTC: line 0 up to 59 s."


def test_no_name_leaves_its_place_in_the_page() -> None:
    chart = drawn([1.0, 2.0], title='</figcaption><script>alert("x")</script>')

    page = engine().get_template("aura/chart.html").render(Context({"chart": chart}))

    assert isinstance(engine(), Engine)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
