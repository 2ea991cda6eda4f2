"""Find e-mail addresses and IP addresses as people and programs write them."""

from __future__ import annotations

import ipaddress
import re

from aura_logging.privacy.detector import Detector, Span, by_pattern
from aura_logging.privacy.scan_syntax import any_of

__all__ = ["EMAIL", "IP_ADDRESS"]

# RFC 5322 atoms as typed, quoted local parts, and letters of every script (RFC 6531). A name is looked for only
# where a run of its signs begins, so that a long run without "@" is read once.
_SIGN = r"[\w.!#$&'*+/=?^`{|}~%-]"
_LOCAL = r'(?:"[^"\\\s@]{1,64}(?: [^"\\\s@]{1,63})?"|(?<!' + _SIGN[:-1] + r"])" + _SIGN + "+)"
_ADDRESS = (
    r"(?P<local>" + _LOCAL + r")(?P<at>@)"
    r"(?P<host>\[[0-9A-Fa-f.:]{3,45}\]|(?:[^\W_](?:[\w-]*[^\W_])?\.)+(?P<top>xn--[A-Za-z0-9-]+|[^\W\d_]{2,24}))"
)
# "logo@2x.png" and "module@script.js" name files. None of these is a top-level domain (IANA root zone, 2025).
_FILE_ENDINGS = frozenset(
    {"png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "mjs", "ts", "tsx", "jsx", "json", "html", "htm"}
    | {"xml", "yml", "yaml", "toml", "txt", "log", "lock", "whl", "exe", "dll", "egg", "tgz", "gz", "tar", "bmp"}
    | {"internal", "local", "localdomain", "localhost", "lan", "service", "slice", "socket", "target", "timer"}
)
# The account behind "git@github.com:team/repo" and "celery@worker1.example.com" is a service.
_SERVICE_ACCOUNTS = frozenset({"git", "celery", "hg", "svn"})
_USER_OF_URL = re.compile(r"[a-zA-Z0-9]:\\*/\\*/[^\s/@?#\"']*$")
_LONGEST_LOCAL = 64  # RFC 5321, 4.5.3.1.1


def _address(match: re.Match[str], field: str) -> Span | None:
    top = match.group("top")
    if top is not None and top.lower() in _FILE_ENDINGS:
        return None
    if _USER_OF_URL.search(match.string, max(0, match.start() - 160), match.start("at")):
        return None
    local = match.group("local")
    if local.lower() in _SERVICE_ACCOUNTS:
        return None
    start = match.start()
    # In "?mail=jane@example.com" and "'jane@example.com'" the signs before the name are the sentence's.
    if not local.startswith('"'):
        kept = re.split(r"[=&?/{|`]|^['!#$*^~]+", local)[-1].lstrip("'")
        start += len(local) - len(kept)
        kept_name = kept.removeprefix("mailto:")
        if not kept_name or not re.search(r"\w", kept_name):
            return None
    if match.start("at") - start > _LONGEST_LOCAL:
        start = match.start("at") - _LONGEST_LOCAL
    return start, match.end()


EMAIL = Detector(
    name="email",
    scan=rb"(?:@|%40)"
    + any_of(
        rb"\[[0-9a-f.:]{3}",
        rb"[a-z0-9\x80-\xff][a-z0-9_.\x80-\xff-]*\.[a-z\x80-\xff]{2}",
    ),
    find=by_pattern(_ADDRESS, _address),
    normalise=str.lower,
    examples=(
        "jane@example.com",
        "Jane Doe <jane.doe+news@mail.example.co.uk>, hello",
        "write to o'hara@example.ie.",
        "?mail=jane%40example.com&x=1",
        "mailto:jane@example.com?subject=x",
        "{'to': 'jane@example.com'}",
        "jürgen@müller.de",
        "用户@例子.广告",
        "user@xn--80ak6aa92e.com",
        "a@xn--d1acufc.xn--p1ai",
        '"john doe"@example.com',
        "jane@[192.0.2.1]",
        "x_1@sub-domain.example.museum!",
    ),
    counter_examples=(
        "my email is info@presidio.",
        "hello-world here",
        "@app.route",
        "logo@2x.png",
        "git@github.com:team/repo.git",
        "celery@worker1.example.com ready",
        "postgres://shop:hunter2@db.example.com/shop",
        "sftp://jane@files.example.com/in",
        "requests==2.32 @ file",
        "user@localhost",
        "jane @ example",
        "pkg@1.2.3",
    ),
)


def _ip(match: re.Match[str], field: str) -> Span | None:
    try:
        ipaddress.ip_address(match.group())
    except ValueError:
        return None
    return match.span()


IP_ADDRESS = Detector(
    name="ip_address",
    enabled=False,
    scan=any_of(rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}", rb"[0-9a-f:]*:[0-9a-f]{0,4}:[0-9a-f.:]*"),
    find=by_pattern(
        r"(?<![\w.:])(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\w|\.[0-9])"
        r"|(?=[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{2,39}(?:(?<=:)[0-9]{1,3}(?:\.[0-9]{1,3}){3})?(?![\w:]|\.[0-9]))",
        _ip,
    ),
    examples=("from 192.0.2.7:443", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1", "client=10.0.0.1,"),
    counter_examples=(
        "256.256.256.256",
        "1.2.3",
        "1.2.3.4.5",
        "12:34:56",
        "aa:bb:cc:dd:ee:ff",
        "std::cout",
        "text192.168.1.1",
    ),
)
