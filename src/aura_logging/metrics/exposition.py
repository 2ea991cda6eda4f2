"""Write families down as Prometheus text or as OpenMetrics, whichever the scraper asks for.

Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4) and OpenMetrics 1.0.0, which also
carries units and exemplars.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from aura_logging.metrics.families import Family, Point

__all__ = ["OPENMETRICS", "PROMETHEUS", "expose", "negotiate"]

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_LONGEST_EXEMPLAR = 128


def negotiate(accept: str) -> str:
    """Return the content type for an Accept header: OpenMetrics if it is asked for and not refused, else text."""
    for choice in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in choice.split(";"))
        if kind == "application/openmetrics-text" and not any(_is_zero(parameter) for parameter in parameters):
            return OPENMETRICS
    return PROMETHEUS


def expose(families: Iterable[Family], content_type: str = PROMETHEUS) -> str:
    """Return the families' text; `content_type` is one of the two of this module."""
    openmetrics = content_type == OPENMETRICS
    lines: list[str] = []
    for family in families:
        lines += _header(family, openmetrics=openmetrics)
        lines += [_line(family, point, openmetrics=openmetrics) for point in family.points]
    if openmetrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n" if lines else ""


def _header(family: Family, *, openmetrics: bool) -> Iterable[str]:
    # Text 0.0.4 knows a counter by its whole name, OpenMetrics by the name without `_total`.
    name = family.name if openmetrics or family.kind != "counter" else family.name + "_total"
    if family.help:
        text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
        yield f"# HELP {name} {text.replace(chr(34), chr(92) + chr(34)) if openmetrics else text}"
    yield f"# TYPE {name} {family.kind}"
    if openmetrics and family.unit and name.endswith(f"_{family.unit}"):
        yield f"# UNIT {name} {family.unit}"


def _line(family: Family, point: Point, *, openmetrics: bool) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in point.labels)
    line = f"{family.name}{point.suffix}{{{labels}}} " if labels else f"{family.name}{point.suffix} "
    line += _number(point.value)
    if openmetrics and point.exemplar is not None:
        trace = _escaped(point.exemplar.trace_id)
        if len(trace) + len("trace_id") <= _LONGEST_EXEMPLAR:
            line += f' # {{trace_id="{trace}"}} {_number(point.exemplar.value)} {point.exemplar.at:.3f}'
    return line


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))


def _is_zero(parameter: str) -> bool:
    name, _, weight = parameter.partition("=")
    return name.strip() == "q" and weight.strip().rstrip("0").rstrip(".") in ("", "0")
