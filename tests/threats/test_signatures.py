"""Every signature proves itself by its examples."""

from __future__ import annotations

import pytest

from aura_logging.patterns.re_set import compile_set as compile_re_set
from aura_logging.threats import KINDS, inspect
from aura_logging.threats.gate import DISGUISED, Gate
from aura_logging.threats.signature import ANYWHERE, EXCEPT_ADDRESSES, EXCEPT_HEADERS, Signature
from aura_logging.threats.signatures import SIGNATURES
from aura_logging.threats.sql_fingerprints import FINGERPRINTS
from aura_logging.threats.sql_hints import SQL_HINTS
from aura_logging.threats.sql_injection import OF_TEXT, find_sql

RULES = [pytest.param(s, id=s.rule) for s in SIGNATURES]
SHAPES = [pytest.param(s, id=s.rule) for s in (*FINGERPRINTS, *OF_TEXT)]


def part_of(signature: Signature) -> str:
    return "query" if signature.location in (ANYWHERE, EXCEPT_ADDRESSES, EXCEPT_HEADERS) else signature.location


@pytest.mark.parametrize("signature", RULES)
def test_a_signature_finds_its_examples(signature: Signature) -> None:
    for example in signature.examples:
        threats = inspect({part_of(signature): example})
        assert signature.kind in [threat.kind for threat in threats], example
        assert signature.compiled.search(example) or "%" in example


@pytest.mark.parametrize("signature", RULES)
def test_nothing_is_found_in_a_signatures_counter_examples(signature: Signature) -> None:
    for example in signature.counter_examples:
        assert inspect({part_of(signature): example}) == [], example


@pytest.mark.parametrize("shape", SHAPES)
def test_a_fingerprint_is_proved_by_its_examples(shape) -> None:
    for example in shape.examples:
        assert find_sql(example) is not None, example
        assert "sqli" in [threat.kind for threat in inspect({"query": example})], example
    for example in shape.counter_examples:
        assert inspect({"query": example}) == [], example


def test_rules_are_named_once_and_cover_every_kind() -> None:
    rules = [s.rule for s in SIGNATURES] + [s.rule for s in (*FINGERPRINTS, *OF_TEXT)]
    assert len(rules) == len(set(rules))
    assert {s.kind for s in SIGNATURES} | {"sqli"} == set(KINDS)


def test_both_gates_give_the_same_verdicts() -> None:
    hints = [*(s.hint for s in SIGNATURES), *SQL_HINTS, *DISGUISED]
    fast, plain = Gate(SIGNATURES).suspects, compile_re_set(hints)
    texts = [text for s in SIGNATURES for text in (*s.examples, *s.counter_examples)]
    texts += [text for s in FINGERPRINTS for text in (*s.examples, *s.counter_examples)]
    for text in texts:
        assert sorted(fast(text.encode()) or ()) == plain(text.encode()), text


def test_a_gate_that_misses_what_it_was_built_for_refuses_to_start() -> None:
    blind = Signature("xss.blind", "xss", 0.5, b"never there", "x", ("x marks it",), ())
    with pytest.raises(ValueError, match=r"xss\.blind"):
        Gate([blind])
