"""The scrubber: what it answers, what it writes instead, and what it refuses at start-up."""

from __future__ import annotations

import re
from typing import Any

import pytest

from aura_logging.options import OptionError
from aura_logging.privacy import Finding, Scrubber

KEY = "a long random secret of this project"


def test_a_finding_says_where_and_what_kind_but_not_what() -> None:
    text, findings = Scrubber().scrub("card 4111 1111 1111 1111 declined")

    assert text == "card [REDACTED:credit_card] declined"
    assert findings == [Finding("credit_card", 5, 24)]
    assert "4111" not in repr(findings)


def test_findings_come_in_order_and_do_not_overlap() -> None:
    text = "jane@example.com paid with 4111111111111111, call (415) 555-2671, ssn 078-05-1120"

    scrubbed, findings = Scrubber().scrub(text)

    assert [finding.detector for finding in findings] == ["email", "credit_card", "phone", "us_ssn"]
    assert scrubbed == (
        "[REDACTED:email] paid with [REDACTED:credit_card], call [REDACTED:phone], ssn [REDACTED:us_ssn]"
    )


def test_of_two_claims_the_outer_one_wins_so_that_nothing_of_either_stays() -> None:
    text, findings = Scrubber().scrub("Cookie: theme=dark; mail=jane@example.com; sessionid=38afes7a8")

    assert text == "Cookie: [REDACTED:secret]"
    assert [finding.detector for finding in findings] == ["secret"]


def test_the_scheme_of_a_credential_stays_readable() -> None:
    scrub = Scrubber().scrub

    assert scrub("Authorization: Bearer abc123def456")[0] == "Authorization: Bearer [REDACTED:bearer_token]"
    assert scrub("Authorization: Token 9944b09199c6")[0] == "Authorization: Token [REDACTED:secret]"
    assert scrub("postgres://shop:hunter2@db/shop")[0] == "postgres://[REDACTED:url_credentials]@db/shop"


def test_url_encoded_values_are_found_where_they_were_written() -> None:
    text = "/search?mail=jane%40example.com&card=4111%201111%201111%201111&next=%2Fhome"

    scrubbed, findings = Scrubber().scrub(text)

    assert scrubbed == "/search?mail=[REDACTED:email]&card=[REDACTED:credit_card]&next=%2Fhome"
    assert text[findings[0].start : findings[0].end] == "jane%40example.com"


def test_what_was_scrubbed_once_has_nothing_more_to_find() -> None:
    text = 'login {"password": "hunter2"} token=abc postgres://u:p@h/ jane@example.com Bearer abc123def'

    once, _ = Scrubber().scrub(text)

    assert Scrubber().scrub(once) == (once, [])


def test_ip_addresses_stay_unless_they_are_asked_for() -> None:
    assert Scrubber().scrub("from 192.0.2.7") == ("from 192.0.2.7", [])
    assert Scrubber(enable=["ip_address"]).scrub("from 192.0.2.7")[0] == "from [REDACTED:ip_address]"


def test_a_detector_can_be_switched_off() -> None:
    scrubber = Scrubber(disable=["email", "secret"])

    assert scrubber.scrub("password=x jane@example.com")[1] == []
    assert scrubber.scrub_value({"password": "hunter2"})[1] == []


def test_a_field_name_says_what_bare_digits_are() -> None:
    scrubber = Scrubber()

    assert scrubber.scrub("4155552671")[1] == []
    assert scrubber.scrub("4155552671", field="phone")[0] == "[REDACTED:phone]"
    assert scrubber.scrub_value({"customer": {"phone_number": "4155552671"}})[0] == {
        "customer": {"phone_number": "[REDACTED:phone]"}
    }


@pytest.mark.parametrize(
    ("text", "partial"),
    [
        ("4111111111111111", "************1111"),
        ("4111-1111-1111-1111", "************1111"),
        ("3782 822463 10005", "***********0005"),
        ("078-05-1120", "*****1120"),
        ("GB82 WEST 1234 5698 7654 32", "******************5432"),
        ("(415) 555-2671", "********71"),
        ("jane@example.com", "[REDACTED:email]"),
        ("password=hunter2", "password=[REDACTED:secret]"),
    ],
)
def test_partial_leaves_the_last_characters_where_a_detector_allows_it(text: str, partial: str) -> None:
    assert Scrubber(replacement="partial").scrub(text)[0] == partial


def test_pseudonyms_are_equal_for_equal_values_however_they_are_written() -> None:
    scrubber = Scrubber(replacement="pseudonym", pseudonym_key=KEY)

    def pseudonym(text: str) -> str:
        return scrubber.scrub(text)[0]

    assert pseudonym("4111 1111 1111 1111") == pseudonym("4111-1111-1111-1111")
    assert pseudonym("Jane@Example.com") == pseudonym("jane@example.com")
    assert pseudonym("gb82 west 1234 5698 7654 32") == pseudonym("GB82WEST12345698765432")
    assert pseudonym("jane@example.com") != pseudonym("joan@example.com")


@pytest.mark.parametrize(
    "written",
    [
        "4111%201111%201111%201111",
        r"4111\u00a01111\u00a01111\u00a01111",
        "4111\u202f1111\u202f1111\u202f1111",
        "\uff14" + "\uff11" * 15,
        "4111%25201111%25201111%25201111",
    ],
)
def test_what_is_written_instead_does_not_depend_on_how_the_value_was_escaped(written: str) -> None:
    pseudonyms = Scrubber(replacement="pseudonym", pseudonym_key=KEY)

    assert pseudonyms.scrub(written)[0] == pseudonyms.scrub("4111 1111 1111 1111")[0]
    assert Scrubber(replacement="partial").scrub(written)[0] == "************1111"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"secret_names": "password"}, "secret_names is the string 'password'; it must be a list"),
        ({"allowed_names": "page_token"}, "allowed_names is the string"),
        ({"secret_names": [""]}, "secret_names holds '', which is no name"),
        ({"secret_names": [5]}, "secret_names holds 5"),
        ({"patterns": "EMP-[0-9]{6}"}, "patterns holds 'E'"),
        ({"patterns": {"employee": 5}}, "The pattern 'employee' is 5"),
        (
            {"patterns": {"employee": {"pattern": "E-[0-9]", "validator": "luhn"}}},
            "validator of the pattern 'employee'",
        ),
        ({"patterns": {"employee": {"pattern": "E-[0-9]", "keep_last": "2"}}}, "keep_last of the pattern 'employee'"),
        ({"patterns": {"employee": {"pattern": "E-[0-9]", "examples": "E-1"}}}, "examples of the pattern 'employee'"),
    ],
)
def test_a_wrong_option_is_named_when_it_is_set(options: dict[str, Any], told: str) -> None:
    with pytest.raises(OptionError, match=re.escape(told)):
        Scrubber(**options)


def test_pseudonyms_depend_on_the_key_and_tell_nothing_of_the_value() -> None:
    ours = Scrubber(replacement="pseudonym", pseudonym_key=KEY).scrub("jane@example.com")[0]
    theirs = Scrubber(replacement="pseudonym", pseudonym_key=b"another").scrub("jane@example.com")[0]

    assert ours != theirs
    assert ours.startswith("[email:")
    assert "jane" not in ours


def test_a_pseudonym_is_not_found_again() -> None:
    scrubber = Scrubber(replacement="pseudonym", pseudonym_key=KEY)
    once, _ = scrubber.scrub("jane@example.com paid with 4111111111111111, password=hunter2")

    assert scrubber.scrub(once) == (once, [])


def test_dropping_takes_the_value_from_text_and_the_field_from_a_mapping() -> None:
    scrubber = Scrubber(replacements={"email": "drop", "secret": "drop"})

    assert scrubber.scrub("to jane@example.com now")[0] == "to  now"
    assert scrubber.scrub_value({"mail": "jane@example.com", "password": "x", "n": 1})[0] == {"n": 1}
    assert scrubber.scrub_value(["jane@example.com", 2])[0] == [2]


def test_each_detector_may_have_a_style_of_its_own() -> None:
    scrubber = Scrubber(replacements={"credit_card": "partial"})

    assert scrubber.scrub("4111111111111111 jane@example.com")[0] == "************1111 [REDACTED:email]"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"enable": ["ip_adress"]}, "Did you mean 'ip_address'?"),
        ({"disable": "email"}, "must be a list"),
        ({"replacement": "mask"}, "Known: drop, partial, pseudonym, redact"),
        ({"replacements": {"emial": "drop"}}, "Did you mean 'email'?"),
        ({"replacements": {"email": "hash"}}, "replacements['email'] is 'hash'"),
        ({"replacement": "pseudonym"}, "set pseudonym_key"),
        ({"patterns": {"email": "x@y"}}, "is taken"),
        ({"patterns": {"x": {"pattern": "abc", "validate": str}}}, "Did you mean 'validator'?"),
        ({"patterns": {"x": {}}}, "no text under 'pattern'"),
    ],
)
def test_a_wrong_option_is_an_error_that_tells_the_fix(options: dict, told: str) -> None:
    with pytest.raises(OptionError) as raised:
        Scrubber(**options)

    assert told in str(raised.value)


def test_secret_names_are_added_and_taken_away() -> None:
    scrubber = Scrubber(secret_names=["employee-code"], allowed_names=["page_token"])

    assert scrubber.scrub_value({"employeeCode": "x1", "page_token": "abc"})[0] == {
        "employeeCode": "[REDACTED:secret]",
        "page_token": "abc",
    }
    assert scrubber.scrub("employee_code=x1 page_token=abc")[0] == "employee_code=[REDACTED:secret] page_token=abc"
