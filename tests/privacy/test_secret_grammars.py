"""A secret goes whatever grammar names it, through the whole way from the line to the text."""

from __future__ import annotations

import orjson
import pytest

from aura_logging.privacy import Scrubber

SCRUBBER = Scrubber()
TEXTS = {
    "element": "<password>{}</password>",
    "element with attributes": '<wsse:Password Type="a#b">{}</wsse:Password>',
    "element in JSON": '{{"soap": "<Password Type=\\"x\\">{}</Password>"}}',
    "option": "mysqldump --password {} shop",
    "quoted option": "curl --api-key '{}' https://api.example.com",
    "altered user": "ALTER USER shop WITH PASSWORD '{}'; SELECT 1",
    "created user": "CREATE USER 'shop'@'%' IDENTIFIED BY '{}'",
    "form": 'Content-Disposition: form-data; name="password"\r\n\r\n{}\r\n--x',
    "form in a repr": "b'Content-Disposition: form-data; name=\"password\"\\r\\n\\r\\n{}\\r\\n--x'",
    "header": "[('Authorization', '{}'), ('Accept', '*/*')]",
    "header in bytes": "[(b'authorization', b'{}')]",
    "header in JSON": '[["X-Api-Key", "{}"]]',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("secret", ["hunter2", "Tr0ub4dor&3", "5f2d9c0b-7a6e", "correct_Horse"])
def test_a_secret_goes_and_nothing_else(text: str, secret: str) -> None:
    scrubbed, findings = SCRUBBER.scrub(text.format(secret))

    assert scrubbed == text.format("[REDACTED:secret]")
    assert [finding.detector for finding in findings] == ["secret"]
    assert SCRUBBER.engine.suspects(orjson.dumps({"message": text.format(secret)}))
    assert SCRUBBER.scrub(scrubbed) == (scrubbed, [])


@pytest.mark.parametrize(
    "text",
    [
        "<tokens>512</tokens> <password/>",
        "use --password to be asked, --no-password -v, --token-count 5",
        "unique together: ('token', 'owner')",
        "the password 'must be changed'",
        'form-data; name="author"\r\n\r\nJane\r\n',
        "[('Content-Type', 'text/HTML')]",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert SCRUBBER.scrub(text) == (text, [])


def test_a_long_text_without_an_end_is_read_once() -> None:
    pieces = ("\\", "<password ", "--password", "('password', '", "identified by ", 'form-data; name="', r"\r\n")
    for piece in pieces:
        SCRUBBER.find('form-data; name="password"' + piece * 20_000)
