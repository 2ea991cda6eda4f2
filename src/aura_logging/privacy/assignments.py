"""Find the values that text gives to secret names: `password=hunter2`, `"token": "abc"`, `Cookie: a=b; c=d`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aura_logging.privacy.detector import Detector, Span
from aura_logging.privacy.field_names import SecretNames
from aura_logging.privacy.replacements import MARKER
from aura_logging.privacy.secret_grammars import named_values

__all__ = ["SECRET", "secret_assignments"]

SECRET = "secret"  # noqa: S105  # the detector's name

# A name begins where a run of its signs begins, so that a long run is read once. Then: the quote and bracket that
# close it (with any number of backslashes, for JSON inside JSON), the sign of assignment, and the value's quote.
_ASSIGNMENT = re.compile(
    r"(?<![\w.-])(?P<name>[^\W\d_][\w.-]*)(?:\\*[\"'])?\]?[ \t]{0,3}(?P<sign>=>|==?|:)[ \t]{0,3}"
    r"(?P<prefix>[bruf]{0,2}(?=\\*[\"']))?(?P<quote>\\*[\"'])?"
)
_BARE_VALUE = re.compile(r"[^\s&;,\"'<>(){}\[\]|\\]+(?:\\+[^\s&;,\"'<>(){}\[\]|\\nrt]+)*")
_REST_OF_LINE = re.compile(r"[^\r\n\"'\\]+")
_WHOLE_LINE_NAMES = re.compile(r"(?i)(?:authorization|cookies?)$")
_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256)[ +]")
# What stands after a secret's name without being one.
_NO_SECRET = re.compile(
    r"(?i)(?:none|null|nil|true|false|undefined|unset|empty|missing|invalid|expired|required|incorrect|wrong|changed|reset|"
    r"ok|yes|no|not|is|was|has|set|unknown|denied|failed|redacted|hidden|filtered|str|string|int|bool|object|"
    r"\*+|\.{3,}|x{3,}|-+|%s|%r|%d|%\(.*|(?-i:\$\{?[A-Z_][A-Z0-9_]*\}?)|<[^>]*>)[.!]?"
)
_IDENTIFIER = re.compile(r"[A-Za-z_]+(?:\.[A-Za-z_]+)*")
_PROSE = re.compile(r"[a-z]+(?:[ ,.](?:[ ]?[a-zA-Z]|$))", re.ASCII)


def secret_assignments(names: SecretNames) -> Detector:
    """Make the detector for the given names; it answers with the value's span, without its quotes."""

    def find(text: str, field: str) -> Iterator[Span]:
        yield from assigned(text)
        yield from named_values(text, names.is_secret, _holds_secret)

    def _is_code(text: str, match: re.Match[str], span: Span) -> bool:
        """Tell a line of source, which every traceback quotes: `token = parser.next_token()`, `self.key = raw_key`."""
        value = _IDENTIFIER.match(text, span[0])
        if value is None:
            return False
        if len(value.group()) == 1 and value.end() == span[1]:
            return True  # minified: `a.password=b;`
        names_one_itself = "_" in value.group() and names.is_secret(value.group())
        if text[value.end() : value.end() + 1] == "(":
            return names_one_itself or (match["sign"] == "=" and text[match.end("sign") : span[0]] == " ")
        return names_one_itself and value.end() == span[1]

    def assigned(text: str) -> Iterator[Span]:
        position = 0
        while (match := _ASSIGNMENT.search(text, position)) is not None:
            position = match.end("sign")
            if not names.is_secret(match["name"]):
                continue
            written = MARKER.match(text, match.end())
            if written is not None:
                position = written.end()
                continue
            span = _value_span(text, match)
            if span is not None and not (match["quote"] is None and _is_code(text, match, span)):
                yield span
                position = max(position, span[1])

    return Detector(
        name=SECRET,
        scan=names.scan,
        find=find,
        examples=_EXAMPLES,
        counter_examples=_COUNTER_EXAMPLES,
    )


def _value_span(text: str, match: re.Match[str]) -> Span | None:
    start = match.end()
    quote = match["quote"]
    if quote is not None:
        # The same quote, with the same number of backslashes, ends it; without one, the text was cut.
        end = text.find(quote, start)
        while end > start and quote[0] != "\\" and _escaped(text, end):
            end = text.find(quote, end + 1)
        end = len(text) if end < 0 else end
        scheme = _SCHEME.match(text, start, end)
        start = start if scheme is None else scheme.end()
        return (start, end) if _holds_secret(text[start:end]) else None
    if _WHOLE_LINE_NAMES.search(match["name"]) and (match["sign"] == ":" or _SCHEME.match(text, start)):
        scheme = _SCHEME.match(text, start)
        start = start if scheme is None else scheme.end()
        rest = _REST_OF_LINE.match(text, start)
        if rest is None or not _holds_secret(rest.group()):
            return None
        return start, start + len(rest.group().rstrip())
    bare = _BARE_VALUE.match(text, start)
    if bare is None or not _holds_secret(bare.group()):
        return None
    # "password: must be at least eight characters" is advice: a plain word that a sentence follows.
    if match["sign"] == ":" and text[match.end("sign") : start] and _PROSE.match(text, start):
        return None
    return start, start + len(bare.group().rstrip(".!?:") or bare.group())


def _escaped(text: str, position: int) -> bool:
    backslashes = 0
    while position > backslashes and text[position - 1 - backslashes] == "\\":
        backslashes += 1
    return backslashes % 2 == 1


def _holds_secret(value: str) -> bool:
    value = value.strip()
    return bool(value) and MARKER.fullmatch(value) is None and _NO_SECRET.fullmatch(value) is None


_EXAMPLES = (
    "password=hunter2",
    "password=hunter(2",
    "password = correct_horse",
    "login with user=jane&password=hunter2&next=/",
    "{'password': 'hunter2', 'user': 'jane'}",
    '{"user": {"api_key": "abc def"}}',
    r'{"body": "{\"accessToken\": \"abc\"}"}',
    "X-Api-Key: 5f2d9c",
    "Set-Cookie: sessionid=38afes7a8; HttpOnly; Path=/",
    "Authorization: Token 9944b09199c62bcf",
    "csrfmiddlewaretoken=Zk3a9",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG",
    "user[password]=hunter2",
    "db_password: hunter2",
    "client-secret => 's3cret'",
    "PGPASSWORD=hunter2 psql",
    "sessionid=38afes7a8; theme=dark",
    "DB_PASSWORD='it\\'s me'",
    "password%3Dhunter2",
    "<password>hunter2</password>",
    '<wsse:Password Type="text">hunter2</wsse:Password>',
    "mysql --password hunter2 shop",
    "curl --api-key 'hunter2' https://api",
    "ALTER USER shop WITH PASSWORD 'hunter2'",
    "CREATE USER 'shop' IDENTIFIED BY 'hunter2'",
    'Content-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n',
    "[('Authorization', 'Negotiate hunter2')]",
    '["X-Api-Key", "Hunter-2"]',
)
_COUNTER_EXAMPLES = (
    "session_count=5",
    "author=jane",
    "tokenizer: bert",
    "tokens: 512",
    "password: must be at least eight characters",
    "password changed",
    "invalid token: expired",
    "token_type=bearer",
    "password=",
    "password=********",
    "password=None",
    "password=%s",
    "password=[REDACTED:secret]",
    "token_count: 12",
    "cookie_consent=true",
    "secretary: Jane",
    "passwordless=1",
    "token = parser.next_token()",
    "e.token=t,a.password=b;",
    "self.password = make_password(raw_password)",
    "self._password = raw_password",
    "send(credentials=_clean_credentials(given))",
    "<password/>",
    "<password></password>",
    "<tokens>512</tokens>",
    "fields ('password', 'email')",
    "use --password to be asked",
    "run --no-password -v",
    "--token-count 5",
    "the password 'must be changed'",
    "identified by its number",
)
