"""Find the secrets that other grammars than `name=value` name: XML, options of commands, SQL, forms, pairs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from aura_logging.privacy.detector import Span

__all__ = ["named_values"]

_BREAK = r"(?:\r\n|\n|\r|\\{1,8}r\\{1,8}n|\\{1,8}[rn])"

# Each has a group `name` and a group `value`; a name is judged by whoever asks. Where a value could go on for ever, it
# is bounded, so that a search stays linear.
_GRAMMARS = tuple(
    re.compile(pattern)
    for pattern in (
        # <wsse:Password Type="text">hunter2</wsse:Password>
        r"<(?:[\w.-]{1,64}:)?(?P<name>[A-Za-z_][\w.-]{1,64})(?:\s[^<>]{0,256})?>(?P<value>[^<>\s][^<>]{0,512})<",
        # mysql --password hunter2; but not "use --password to be asked"
        r"(?<![\w-])--(?P<name>[A-Za-z][\w-]{2,64}) {1,3}(?:\\*[\"'])?"
        r"(?P<value>(?![a-z]{1,4}(?![^\s]))[^\s\"'\\-][^\s\"'\\]{0,512})",
        # ALTER USER shop WITH PASSWORD 'hunter2'
        r"(?i:(?<![\w.-])(?P<name>password|passphrase|secret)\s{1,3}(?=\\*'))\\*'(?P<value>[^'\\\s]{1,512})\\*'",
        # CREATE USER shop IDENTIFIED BY 'hunter2': the words are a name of their own
        r"(?i:(?P<name>identified\s{1,3}by(?:\s{1,3}password)?)\s{1,3}(?=\\*'))\\*'(?P<value>[^'\\\s]{1,512})\\*'",
        # Content-Disposition: form-data; name="password"
        r"(?i:form-data;\s{0,3}name=)\\*\"(?P<name>[\w.\[\]-]{1,64})\\*\"" + _BREAK + r"{2}(?P<value>[^\r\n\\]{1,512})",
        # [('Authorization', 'hunter2')], as a repr or as JSON writes pairs
        r"[(\[]b?\\*[\"'](?P<name>[A-Za-z][\w-]{1,64})\\*[\"'],\s{0,2}b?\\*[\"'](?P<value>[^\"'\\]{1,512})\\*[\"'][)\]]",
    )
)
_ALWAYS = re.compile(r"(?i)identified\s+by")
_NAME_NOT_VALUE = re.compile(r"[a-z_]{1,32}")


def named_values(text: str, is_secret: Callable[[str], bool], holds_secret: Callable[[str], bool]) -> Iterator[Span]:
    """Yield where the values of secret names stand, grammar by grammar.

    `("password", "email")` are two names: between brackets a value that could be a name is taken for one.
    """
    for grammar in _GRAMMARS:
        for match in grammar.finditer(text):
            name, value = match["name"], match["value"]
            if not (is_secret(name) or _ALWAYS.match(name)) or not holds_secret(value):
                continue
            if grammar is _GRAMMARS[-1] and _NAME_NOT_VALUE.fullmatch(value):
                continue
            yield match.span("value")
