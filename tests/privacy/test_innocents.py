"""Nothing innocent is redacted: ids, dates, codes, hashes, and the log lines of many systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from aura_logging.privacy import Scrubber

INNOCENTS = [
    line
    for line in (Path(__file__).parent / "innocents.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("# ")
]


@pytest.fixture(scope="module")
def scrubber() -> Scrubber:
    return Scrubber()


@pytest.mark.parametrize("text", INNOCENTS)
def test_innocent_text_stays_as_it_is(scrubber: Scrubber, text: str) -> None:
    assert scrubber.scrub(text) == (text, [])


def test_innocent_values_stay_the_same_objects(scrubber: Scrubber) -> None:
    value = {
        "session_count": 5,
        "author": "jane",
        "tokenizer": {"name": "bert", "tokens": [1, 2, 3]},
        "request_duration": 0.4111111111111111,
        "user_id": 4155552671,
        "password": None,
        "token": "",
        "csrf_failures": 0,
        "created": 1763876460.123456,
        "order_number": "0123456789",
        "texts": tuple(INNOCENTS),
    }

    scrubbed, findings = scrubber.scrub_value(value)

    assert findings == []
    assert scrubbed is value
