"""Server-side requests to where only the server gets, and headers that a value would add to an answer."""

# a pattern is one thing, and broken up is harder to compare

from __future__ import annotations

from aura_logging.threats.signature import EXCEPT_HEADERS, PATH, Signature

__all__ = ["NETWORK"]

NETWORK = (
    Signature(
        "ssrf.internal_target",
        "ssrf",
        0.8,
        rb"169\.254\.|metadata\.|100\.100\.100|(?:/|%2f|@|%40|\\)(?:localhost|127\.|0\.0\.0\.0|0(?:/|:|%2f|%3a)|0x7f|0177|017700|2130706433|\[|%5b|spoofed\.|localtest\.me|lvh\.me|127-0-0-1)|nip\.io|xip\.io|burpcollaborator|oastify|interact\.sh|\xe2\x91|%e2%91|192\.0\.0\.192",
        r"\A[\"']?(?:[a-z][a-z+.-]{1,15}:|url:)?[/\\]{2,4}(?:[^\s/@\\]{0,60}@)?(?:localhost|127\.\d{1,3}(?:\.\d{1,3}){0,2}|0\.0\.0\.0|0|0x7f[0-9a-f.x]{0,20}|0177\.[\d.]{1,20}|017700\d{0,8}|2130706433|3232235\d{3}|2852039166|"
        r"169\.254\.\d{1,3}\.\d{1,3}|\[[0:]{0,20}(?:1|:|ffff:[\d.a-f:]{3,20})\]|\[fd00:ec2::254\]|metadata(?:\.google\.internal)?|100\.100\.100\.200|192\.0\.0\.192|localtest\.me|[\w.-]{0,60}\.?(?:nip|xip)\.io|lvh\.me|127-0-0-1[\w.-]{0,40}|localhost[\w.]{0,20})(?:[:/\\?#]\S{0,300}|\Z)"
        r"|169\.254\.169\.254[/:]|metadata\.google\.internal|/latest/meta-data|/computeMetadata/v1|\.(?:burpcollaborator\.net|oastify\.com|oast\.\w{2,6}|interact\.sh)\b",
        (
            "http://169.254.169.254/latest/meta-data/",
            "http://localhost:6379/",
            "http://127.0.0.1:22",
            "https://user@127.1/",
            "http://[::1]/",
            "http://2130706433/",
        ),
        ("https://example.com/localhost", "I ran it on http://localhost:8000/ and it failed", "127.0.0.1", "localhost"),
        EXCEPT_HEADERS,
    ),
    Signature(
        "ssrf.scheme",
        "ssrf",
        0.8,
        rb"(?:gopher|dict|ldaps?|tftp|jar|netdoc|sftp|file|ftp|ssh)(?::|%3a)",
        r"\A[\"']?(?:gopher|dict|ldaps?|tftp|netdoc|sftp)://\S|\Ajar:(?:https?|file|ftp):|\A[\"']?netdoc:/|\A[\"']?file:/{1,3}(?:\S{0,200})\Z",
        (
            "gopher://127.0.0.1:6379/_INFO",
            "dict://x.example:11211/stat",
            "jar:http://x.example/a.jar!/b",
            "file:///c:/boot.ini",
        ),
        ("file: the report", "dict: a mapping", "open the jar: it is honey"),
        EXCEPT_HEADERS,
    ),
    Signature(
        "ssrf.private_target",
        "ssrf",
        0.5,
        rb"(?:/|%2f)(?:10\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|kubernetes\.)",
        r"\A[\"']?https?://(?:[^\s/@]{0,60}@)?(?:10(?:\.\d{1,3}){3}|192\.168(?:\.\d{1,3}){2}|172\.(?:1[6-9]|2\d|3[01])(?:\.\d{1,3}){2}|kubernetes\.default[\w.]{0,40})(?:[:/?#]\S{0,300})?\Z",
        ("http://10.0.0.1/", "http://192.168.0.1/admin", "https://172.16.3.4:8443/x"),
        ("10.0.0.1", "the router at http://192.168.0.1/ is slow", "http://10.example.com/"),
        EXCEPT_HEADERS,
    ),
    Signature(
        "header_injection.path",
        "header_injection",
        0.8,
        # Parts are gated joined by line breaks: neither the next part's `https:` nor its `localhost:8000` is a header.
        rb"(?:[\r\n]|%0d|%0a)(?:[\r\n]|%0d|%0a){0,3}[a-z][a-z0-9_-]{0,40}(?::|%3a)[^/0-9]",
        r"[\r\n]{1,4}[a-z][\w-]{0,40}\s?:",
        ("/en\r\nX: y", "/%0d%0aHeader:%20x"),
        ("/a/b", "/a%20b:c"),
        PATH,
    ),
    Signature(
        "header_injection.new_header",
        "header_injection",
        0.95,
        rb"(?:[\r\n]|%0d|%0a|%e5%98%8[ad]|\xe5\x98|\\r|\\n)[^a-z]{0,12}(?:set-cookie|location|content-|http/|x-|transfer-|access-|bcc|cookie|refresh|host|link|status|clear-)",
        r"(?:[\r\n\u560a\u560d\u2028]|\\r|\\n)[\s\u560a\u560d]{0,6}(?:set-cookie2?\s?:|location\s?:\s?(?:https?:|//|/|javascript)|content-(?:type|length|disposition|encoding|security-policy)\s?:|"
        r"HTTP/[12](?:\.\d)?\s|x-(?:xss-protection|forwarded-\w+|injected|\w+-test|custom\w*|test|evil|crlf\w*|header\w*)\s?:|transfer-encoding\s?:|access-control-\w|clear-site-data|bcc\s?:\s?\S{1,80}@|cookie\s?:\s?\w{1,30}=|refresh\s?:\s?\d|status\s?:\s?\d{3})",
        (
            "en\r\nSet-Cookie: a=b",
            "%0d%0aLocation:%20https://x.example",
            "x%0aContent-Length:0%0a%0aHTTP/1.1 200 OK",
            "a@b.example%0ABcc: c@d.example",
        ),
        ("Dear all,\r\nLocation: Berlin\r\nHost: Julia", "line\nContent: none", "Cookie: a biscuit"),
    ),
)
