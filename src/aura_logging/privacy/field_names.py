"""Tell by its name that a field holds a secret, by whole words: `user_password` yes, `session_count` no."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from itertools import pairwise

from aura_logging.privacy.scan_syntax import any_of

__all__ = ["SecretNames"]

# Where one of these is a word of the name, the value is a secret.
_WORDS = frozenset(
    {"password", "passwords", "passwd", "passwort", "passphrase", "passcode", "pwd", "secret", "secrets", "credential"}
    | {"credentials", "token", "authorization", "cookie", "cookies", "apikey", "privatekey", "secretkey", "jwt"}
    | {"sessionid", "sessionkey", "csrftoken", "csrfmiddlewaretoken", "accesstoken", "refreshtoken", "authtoken"}
    | {"idtoken", "clientsecret", "userpassword", "dbpassword", "newpassword", "oldpassword", "accesskey"}
    | {"signingkey", "encryptionkey", "xsrftoken", "otp", "totp", "cvv", "cvc", "cvn", "ssn", "bearer", "mfacode"}
    | {"pgpassword", "mysqlpwd", "redispassword", "sessiontoken", "cardnumber", "ccnumber", "securitycode"}
)
# ... or where these stand side by side.
_PHRASES = (
    ("api", "key"), ("access", "key"), ("secret", "key"), ("private", "key"), ("session", "id"), ("session", "key"),
    ("signing", "key"), ("encryption", "key"), ("account", "key"), ("auth", "key"), ("service", "key"),
    ("security", "code"), ("card", "number"), ("connection", "string"), ("social", "security"), ("recovery", "code"),
    ("backup", "code"), ("verification", "code"), ("master", "key"), ("host", "key"), ("license", "key"),
    ("user", "pass"), ("db", "pass"), ("smtp", "pass"), ("mail", "pass"), ("email", "pass"), ("mysql", "pass"),
    ("redis", "pass"), ("ftp", "pass"), ("admin", "pass"), ("root", "pass"),
)  # fmt: skip
_PHRASE_SET = frozenset(_PHRASES)
# ... but a name that ends in one of these speaks about the secret and does not hold it.
_ABOUT = frozenset(
    {"count", "counts", "total", "length", "len", "size", "type", "kind", "at", "on", "age", "ttl", "expires"}
    | {"expiry", "expiration", "expired", "expire", "expiring", "enabled", "disabled", "required", "valid", "validator"}
    | {"validators", "policy", "strength", "status", "name", "names", "field", "fields", "created", "updated"}
    | {"changed", "used", "max", "min", "limit", "limits", "bucket", "buckets", "usage", "rate", "algorithm", "seconds"}
    | {
        "minutes",
        "days",
        "exists",
        "present",
        "missing",
        "matches",
        "version",
        "format",
        "location",
        "endpoint",
        "class",
    }
    | {
        "backend",
        "backends",
        "hasher",
        "hashers",
        "form",
        "samesite",
        "secure",
        "httponly",
        "domain",
        "consent",
        "banner",
    }
)
_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")
_LONGEST_NAME = 128


class SecretNames:
    """Answer whether a field's name means that its value is secret.

    A name is split into words at punctuation, digits and changes of case; `denied` and `allowed` names are added,
    compared without regard to case and punctuation, and win over the built-in words, `allowed` first.
    """

    def __init__(self, denied: Collection[str] = (), allowed: Collection[str] = ()) -> None:
        self._denied = frozenset(_squeezed(name) for name in denied)
        self._allowed = frozenset(_squeezed(name) for name in allowed)
        self.scan = _scan(denied)
        # A process sees few names, again and again.
        self.is_secret = lru_cache(maxsize=4096)(self._is_secret)

    def _is_secret(self, name: str) -> bool:
        if len(name) > _LONGEST_NAME:
            name = name[-_LONGEST_NAME:]
        if self._allowed or self._denied:
            squeezed = _squeezed(name)
            if squeezed in self._allowed:
                return False
            if squeezed in self._denied:
                return True
        words = [word.lower() for word in _SPLIT.findall(name)]
        if not words or words[-1] in _ABOUT:
            return False
        return any(word in _WORDS for word in words) or any(pair in _PHRASE_SET for pair in pairwise(words))


def _squeezed(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


_SHORT = 4
# Words that contain another word of the list, which finds them too.
_COVERED = frozenset(
    word for word in _WORDS for other in _WORDS if other != word and len(other) > _SHORT and other in word
)


def _scan(denied: Collection[str]) -> bytes:
    """Spell the names for the encoded line: loosely, with what may stand between a name and its value."""
    named = any_of(
        *sorted(_word(word) for word in _WORDS - _COVERED),
        *(first.encode() + rb"[_. -]?" + second.encode() for first, second in _PHRASES),
        *(_loosely(name) for name in denied if _squeezed(name)),
    )
    # The word may be followed by more of the name, then by the quote and bracket that close the name.
    assigned = rb"(?:\\*[\"']|%22)?(?:\]|%5d)?(?:[ \t]|\\t){0,3}" + any_of(rb"=|:|%3d|%3a", rb"\\*[\"'][ ]{0,3},")
    # An element of XML, an option's or SQL's quoted text, a part of a form.
    otherwise = any_of(rb"(?: [^<>]*)?>[^<]", rb" {1,3}\\*'", rb"\\*\"(?:\\+[rn]|[\r\n]){2}")
    # Two dashes: after one, half of a line of UUIDs might begin an option.
    option = rb"--[a-z-]*" + named + rb"[a-z-]* {1,3}[^ -]"
    return named + rb"[a-z0-9_.-]{0,32}" + any_of(assigned, otherwise) + rb"|" + option + rb"|identified +by"


def _word(word: str) -> bytes:
    """Let a long word stand anywhere; a short one begins the name, or a part of it: not "classname" for "ssn"."""
    first, rest = word[:1].encode(), word[1:].encode()
    if len(word) > _SHORT:
        return first + rest
    return any_of(rb"(?:^|[^a-z]|\\[nrtbf])" + first + rest, rb"(?-i:[a-z]" + first.upper() + rb")" + rest)


def _loosely(name: str) -> bytes:
    return rb"[_. -]?".join(re.escape(part).encode() for part in re.findall(r"[^\W_]+", name.lower()))
