"""Every detector tells what it looks for from what merely looks like it, in text and in the encoded line."""

from __future__ import annotations

import orjson
import pytest

from aura_logging.patterns import re2_set, re_set
from aura_logging.privacy.assignments import secret_assignments
from aura_logging.privacy.catalogue import DETECTORS
from aura_logging.privacy.detector import Detector
from aura_logging.privacy.field_names import SecretNames
from aura_logging.privacy.findings import Finding, settle
from aura_logging.privacy.reading import plain_reading

ALL = (*DETECTORS, secret_assignments(SecretNames()))
BY_NAME = {detector.name: detector for detector in ALL}

EXAMPLES = [pytest.param(d, text, id=f"{d.name}-{n}") for d in ALL for n, text in enumerate(d.examples)]
COUNTER_EXAMPLES = [pytest.param(d, text, id=f"{d.name}-{n}") for d in ALL for n, text in enumerate(d.counter_examples)]
ENGINES = [pytest.param(re2_set.compile_set, id="re2"), pytest.param(re_set.compile_set, id="re")]


def found(detector: Detector, text: str) -> list[str]:
    claims = [Finding(detector.name, *span) for span in detector.find(text, "")]
    view = plain_reading(text)
    if view is not None:
        claims += [Finding(detector.name, *view.original(span)) for span in detector.find(view.text, "")]
    return [text[finding.start : finding.end] for finding in settle(claims)]


@pytest.mark.parametrize(("detector", "text"), EXAMPLES)
def test_an_example_holds_one_finding(detector: Detector, text: str) -> None:
    assert len(found(detector, text)) == 1


@pytest.mark.parametrize(("detector", "text"), COUNTER_EXAMPLES)
def test_a_counter_example_holds_none(detector: Detector, text: str) -> None:
    assert found(detector, text) == []


@pytest.mark.parametrize("compile_set", ENGINES)
@pytest.mark.parametrize(("detector", "text"), EXAMPLES)
def test_an_example_is_suspect_in_its_encoded_line(compile_set, detector: Detector, text: str) -> None:
    suspects = compile_set([d.scan for d in ALL])

    assert ALL.index(detector) in suspects(orjson.dumps({"message": text}) + b"\n")


@pytest.mark.parametrize("around", ["\x01{}\x02", "\n{}\n", '"{}"', "\\{}\\", "é{}é", "({})", "_{}_", "\u2028{}"])
@pytest.mark.parametrize("detector", ALL, ids=lambda detector: detector.name)
def test_the_scan_misses_nothing_that_the_search_finds_whatever_stands_around_it(
    detector: Detector, around: str
) -> None:
    suspects = re2_set.compile_set([detector.scan])

    for example in detector.examples:
        text = around.format(example)
        if found(detector, text):
            assert suspects(orjson.dumps({"message": text})), text


@pytest.mark.parametrize("detector", ALL, ids=lambda detector: detector.name)
def test_every_detector_comes_with_examples_of_both_kinds(detector: Detector) -> None:
    assert detector.examples
    assert detector.counter_examples


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(ALL)
