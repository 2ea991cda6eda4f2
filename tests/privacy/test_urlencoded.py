"""A scrubbed query string is still a query string."""

from __future__ import annotations

from urllib.parse import parse_qs

from aura_logging.privacy import Scrubber
from aura_logging.privacy.urlencoded import scrub_urlencoded

SCRUBBER = Scrubber()


def test_values_are_read_scrubbed_under_their_names_and_written_again() -> None:
    text = "mail=jane%40example.com&card=4111+1111+1111+1111&password=a%20b&phone=4155552671&next=%2Fhome&empty="

    scrubbed, findings = scrub_urlencoded(text, SCRUBBER)

    assert parse_qs(scrubbed, keep_blank_values=True) == {
        "mail": ["[REDACTED:email]"],
        "card": ["[REDACTED:credit_card]"],
        "password": ["[REDACTED:secret]"],
        "phone": ["[REDACTED:phone]"],
        "next": ["/home"],
        "empty": [""],
    }
    assert [finding.path for finding in findings] == ["mail", "card", "password", "phone"]


def test_what_holds_nothing_stays_to_the_letter() -> None:
    assert scrub_urlencoded("q=a%20b&page=2&q=c", SCRUBBER) == ("q=a%20b&page=2&q=c", [])


def test_what_is_no_form_is_scrubbed_as_text() -> None:
    assert scrub_urlencoded("just jane@example.com", SCRUBBER)[0] == "just [REDACTED:email]"
