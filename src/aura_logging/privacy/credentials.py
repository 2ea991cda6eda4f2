"""Find credentials that show by their shape what they are: tokens, keys, and passwords in URLs."""

from __future__ import annotations

import base64
import binascii
import re

from aura_logging.privacy.detector import Detector, Span, by_pattern

__all__ = ["JWT", "BEARER_TOKEN", "BASIC_AUTH", "PRIVATE_KEY", "URL_CREDENTIALS"]

JWT = Detector(
    name="jwt",
    # A JOSE header begins with '{"', which base64url writes as "eyJ" (RFC 7515).
    scan=rb"eyj[a-z0-9_-]{8,}\.[a-z0-9_-]{4}",
    find=by_pattern(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,3}"),
    examples=(
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "t=eyJhbGciOiJub25lIn0.eyJzdWIiOiJqYW5lIn0.",
    ),
    counter_examples=("eyJ", "keyJob.run", "eyJhbGci and more", "survey.Jan"),
)


def _bearer(match: re.Match[str], field: str) -> Span | None:
    token = match["token"]
    # "Bearer authentication is required" is prose; a token mixes letters with digits or signs, or is long.
    if (
        len(token) >= 24
        or re.search(r"[0-9+/=~_]", token)
        or (token.lower() != token and token[1:].lower() != token[1:])
    ):
        return match.span("token")
    return None


BEARER_TOKEN = Detector(
    name="bearer_token",
    scan=rb"bearer(?:[ +\t]|%20|\\t){1,4}[a-z0-9._~+/-]{6}",
    find=by_pattern(r"(?i)(?<![a-z])bearer[ +\t]{1,4}(?P<token>[a-z0-9._~+/-]{6,}=*)(?![a-z0-9=\"]*=\")", _bearer),
    examples=(
        "Authorization: Bearer 9f86d081884c7d65",
        "bearer abcDEFghiJKL",
        '{"h": "Bearer mF_9.B5f-4.1JqM"}',
        "?auth=Bearer%20mF_9.B5f-4.1JqM",
    ),
    counter_examples=(
        "bearer of bad news",
        "Bearer authentication is required",
        'WWW-Authenticate: Bearer realm="api"',
        "the bearer shares",
        "Bearer [REDACTED:bearer_token]",
    ),
)


def _basic(match: re.Match[str], field: str) -> Span | None:
    token = match["token"]
    try:
        pair = base64.b64decode(token + "=" * (-len(token) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return match.span("token") if b":" in pair else None


BASIC_AUTH = Detector(
    name="basic_auth",
    scan=rb"basic(?:[ +\t]|%20|\\t){1,4}[a-z0-9+/]{4}",
    find=by_pattern(r"(?i)(?<![a-z])basic[ +\t]{1,4}(?P<token>[a-z0-9+/]{4,}={0,2})", _basic),
    examples=("Authorization: Basic dXNlcjpwYXNz", "basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
    counter_examples=("basic authentication", "Basic information", "visual basic code", 'Basic realm="x"'),
)

PRIVATE_KEY = Detector(
    name="private_key",
    scan=rb"-----begin [a-z0-9 ]{0,32}private key",
    # Line breaks may be real or written as backslash and n; a block cut off by a length limit has no end.
    find=by_pattern(
        r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----END ))*"
        r"(?:-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----)?"
    ),
    examples=(
        "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAK\n-----END RSA PRIVATE KEY-----",
        r'{"private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n"}',
        "key -----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk",
    ),
    counter_examples=("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "a private key"),
)


def _user_and_password(match: re.Match[str], field: str) -> Span | None:
    password = match["password"]
    return None if password.startswith(("***", "...")) else match.span("pair")


URL_CREDENTIALS = Detector(
    name="url_credentials",
    scan=rb"[a-z0-9]:(?:\\*/){2}[^ /\"?#@]{0,128}:[^ /\"@]{1,128}@",
    find=by_pattern(
        r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,31}:(?:\\?/){2}(?P<pair>[^\s/:\"'<>?#@\[]{0,128}:(?P<password>[^\s/\"'<>@]{1,128}))@",
        _user_and_password,
    ),
    examples=(
        "postgres://shop:hunter2@db.internal:5432/shop",
        "could not reach redis://:hunter2@cache:6379/0",
        "DATABASE_URL=mysql+pymysql://root:p%40ss@10.0.0.1/db",
        "https://jane:s3cret@example.com/",
        r"amqp:\/\/guest:guest@rabbit:5672",
    ),
    counter_examples=(
        "https://example.com:443/a@b",
        "http://localhost:8000/",
        "postgres://db.internal:5432/shop",
        "https://example.com/@jane",
        "redis://[REDACTED:url_credentials]@cache",
    ),
)
