"""Server-side requests to where only the server gets, and headers that a value would add to an answer."""

# ruff: noqa: E501  # a pattern is one thing, and broken up is harder to compare

from __future__ import annotations

from aura_logging.threats.signature import EXCEPT_ADDRESSES, PATH, Signature

__all__ = ["NETWORK"]

NETWORK = (
    Signature(
        "ssrf.internal_target",
        "ssrf",
        0.8,
        rb"169\.254\.|metadata\.|100\.100\.100|(?:/|%2f|@|%40|\\)(?:localhost|127\.|0\.0\.0\.0|0(?:/|:|%2f|%3a)|0000|unix:|instance-data|0x7f|0177|017700|2130706433|\[|%5b|spoofed\.|localtest\.me|lvh\.me|127-0-0-1)|nip\.io|xip\.io|burpcollaborator|oastify|interact\.sh|\xe2\x91|%e2%91|192\.0\.0\.192",
        r"\A(?:\w{1,20}=)?[\"']?(?:[a-z][a-z+.-]{1,15}:|url:)?[/\\]{2,4}(?:[^\s/@\\]{0,60}@)?(?:localhost|127\.\d{1,3}(?:\.\d{1,3}){0,2}|0\.0\.0\.0|0|0x7f[0-9a-f.x]{0,20}|0177\.[\d.]{1,20}|017700\d{0,8}|2130706433|3232235\d{3}|2852039166|"
        r"169\.254\.\d{1,3}\.\d{1,3}|\[[0:]{0,20}(?:1|:|ffff:[\d.a-f:]{3,20})\]|\[fd00:ec2::254\]|metadata(?:\.google\.internal|\.packet\.net)?|instance-data\.ec2\.internal|unix(?=:/)|0{1,4}(?=::)|100\.100\.100\.200|192\.0\.0\.192|localtest\.me|[\w.-]{0,60}\.?(?:nip|xip)\.io|lvh\.me|127-0-0-1[\w.-]{0,40}|localhost[\w.]{0,20})(?:[:/\\?#]\S{0,300}|\Z)"
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
        EXCEPT_ADDRESSES,
    ),
    Signature(
        "ssrf.scheme",
        "ssrf",
        0.8,
        rb"(?:gopher|dict|ldaps?|tftp|jar|netdoc|sftp|file|ftp|ssh|unix)(?::|%3a)|(?:/|%2f)127\.",
        r"\A[\"']?(?:gopher|dict|ldaps?|tftp|netdoc|sftp)://\S|\A[\"']?unix:/{1,3}\w|\A[\"']?https?://127(?:\.\d{1,3}){3}[^\w\s]|\Ajar:(?:https?|file|ftp):|\A[\"']?netdoc:/|\A[\"']?file:/{1,3}(?:\S{0,200})\Z",
        (
            "gopher://127.0.0.1:6379/_INFO",
            "dict://x.example:11211/stat",
            "jar:http://x.example/a.jar!/b",
            "file:///c:/boot.ini",
        ),
        ("file: the report", "dict: a mapping", "open the jar: it is honey"),
        EXCEPT_ADDRESSES,
    ),
    Signature(
        "ssrf.private_target",
        "ssrf",
        0.5,
        rb"(?:/|%2f)(?:10\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|kubernetes\.)",
        r"\A[\"']?https?://(?:[^\s/@]{0,60}@)?(?:10(?:\.\d{1,3}){3}|192\.168(?:\.\d{1,3}){2}|172\.(?:1[6-9]|2\d|3[01])(?:\.\d{1,3}){2}|kubernetes\.default[\w.]{0,40})(?:[:/?#]\S{0,300})?\Z",
        ("http://10.0.0.1/", "http://192.168.0.1/admin", "https://172.16.3.4:8443/x"),
        ("10.0.0.1", "the router at http://192.168.0.1/ is slow", "http://10.example.com/"),
        EXCEPT_ADDRESSES,
    ),
    Signature(
        "ssrf.disguised_address",
        "ssrf",
        0.85,
        rb"(?:/|%2f|\\){2}(?:[^/ ]{0,40}(?:@|%40))?(?:0x[0-9a-f]|0[0-9]{2}|[0-9]{8}|[3-9][0-9]{2}\.[0-9])|https?(?::|%3a)[/\\]?127\.",
        # One number, hexadecimal or octal ones, or ones beyond 255 that wrap around: nobody types them by chance.
        r"\A[\"']?[a-z][a-z+.-]{1,15}:[/\\]{2,4}(?:[^\s/@\\]{0,60}@)?(?:0x[0-9a-f]{7,10}|\d{8,11}|0x[0-9a-f]{1,2}(?:\.(?:0x[0-9a-f]{1,2}|\d{1,4})){3}|"
        r"0\d{2,4}(?:\.\d{1,4}){3}|(?:[3-9]\d\d)(?:\.\d{1,3}){3})(?:[:/\\?#]\S{0,300})?\Z|\A[\"']?https?:[/\\]?127\.\d",
        ("http://2852039166/latest/", "http://0xA9FEA9FE/", "http://0251.0376.0251.0376/", "http:127.0.0.1/x"),
        ("http://192.0.2.1/", "https://example.com/12345678/", "https://1password.example/", "//00123"),
        EXCEPT_ADDRESSES,
    ),
    Signature(
        "ssrf.internal_name",
        "ssrf",
        0.7,
        rb"(?:/|%2f)(?:metadata|instance-data|rancher-metadata|consul|etcd|vault|ip6-l|host\.docker|docker|redis|rabbitmq|elasticsearch|kubernetes|"
        rb"vcap\.me|bugbounty\.dod)|\.oast\.|oast(?:ify|\.)|webhook\.site|dnslog\.|ceye\.io|requestbin|pipedream|canarytokens|requestrepo|\.bxss|"
        rb"(?:/|%2f){2}[a-z0-9-]{1,40}(?::|%3a)[0-9]{2,5}",
        r"\A[\"']?[a-z][a-z+.-]{1,15}:[/\\]{2}(?:[^\s/@\\]{0,60}@)?(?:(?:metadata|instance-data|rancher-metadata|consul|etcd|vault|ip6-localhost|ip6-loopback|host\.docker\.internal|redis|rabbitmq|"
        r"elasticsearch|kubernetes[\w.-]{0,40}|vcap\.me|bugbounty\.dod\.network)(?:[:/?#]\S{0,300})?|(?:[\w-]{1,60}\.){1,4}(?:oast\.(?:fun|live|me|pro|site|online)|dnslog\.cn|ceye\.io|requestrepo\.com|"
        r"canarytokens\.(?:com|org)|bxss\.\w{2,3}|m\.pipedream\.net|requestbin\.\w{2,3})(?:[:/?#]\S{0,300})?|(?:www\.)?webhook\.site/\S{1,80}|"
        r"(?!localhost)[a-z][a-z0-9-]{1,40}:(?:22|25|80|443|1433|2375|2379|3306|5432|5984|6379|8080|8500|9000|9092|9200|11211|27017)(?:/\S{0,300})?)\Z",
        ("http://consul:8500/v1/agent", "http://metadata/computeMetadata/v1/", "http://abc.oast.fun/"),
        ("http://example.com:8080/x", "https://metadata.example.com/", "see http://redis:6379 for more"),
        EXCEPT_ADDRESSES,
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
        rb"(?:[\r\n]|%0d|%0a|%e5%98%8[ad]|\xe5\x98|%e2%80%a8|\xe2\x80\xa8|\\r|\\n)(?:[^a-z]|\\t|0[ad]){0,12}(?:set-cookie|location|content-|http/|x-|transfer-|access-|bcc|cookie|refresh|host|link|status|clear-)",
        r"(?:[\r\n\u560a\u560d\u2028]|\\r|\\n)(?:[\s\u560a\u560d]|\\t|0[ad]){0,6}(?:set-cookie2?\s?:|location\s?:\s?(?:https?:|//|/|javascript)|content-(?:type|length|disposition|encoding|security-policy)\s?:|"
        r"HTTP/[12](?:\.\d)?\s|x-(?:xss-protection|forwarded-\w+|injected|\w+-test|custom\w*|test|evil|crlf\w*|header\w*)\s?:|transfer-encoding\s?:|access-control-\w|clear-site-data|bcc\s?:\s?\S{1,80}@|cookie\s?:\s?\w{1,30}=|refresh\s?:\s?\d|status\s?:\s?\d{3})",
        (
            "en\r\nSet-Cookie: a=b",
            "%0d%0aLocation:%20https://x.example",
            "x%0aContent-Length:0%0a%0aHTTP/1.1 200 OK",
            "a@b.example%0ABcc: c@d.example",
        ),
        ("Dear all,\r\nLocation: Berlin\r\nHost: Julia", "line\nContent: none", "Cookie: a biscuit"),
    ),
    Signature(
        "header_injection.after_a_word",
        "header_injection",
        0.8,
        rb"(?:[\r\n]|%0d|%0a|%e5%98%8[ad]|\xe5\x98|%c4%8d%c4%8a|\xc4\x8d\xc4\x8a|\\r|\\n)[^a-z]{0,12}(?:[a-z]{2,20}-[a-z-]{2,20}|host|link|etag|cookie|connection|authorization|"
        rb"[a-z-]{0,20}(?:header|inject|crlf|evil|hack)[a-z0-9-]{0,20}|location|server|via|age|vary|expires|pragma|origin|referer|(?:reply-)?to|b?cc|subject|from|mime-version)[ +\t]{0,2}(?:%20)?(?::|%3a)|"
        rb"(?:[\r\n]|%0d|%0a)(?:get|post|put|head|options|delete)(?: |%20|\+)[^ ]{1,80}(?: |%20|\+)http",
        # Behind nothing or one word, which is no way to begin a letter; headers that only HTTP has.
        r"\A[^\s:<>]{0,80}(?:(?:[\r\n]|\\r|\\n){1,4}[ \t]{0,3}|[\u560a\u560d]{2}|\u010d\u010a)(?:(?:proxy|www)-auth\w{4,12}|authorization\s?:\s?(?:basic|bearer|digest|negotiate)|connection\s?:\s?(?:close|keep-alive|upgrade)|"
        r"cache-control|etag|link\s?:\s?<|host\s?:\s?[\w-]{1,60}(?:\.[\w-]{1,30}|:\d{2,5})\s{0,2}(?:\Z|[\r\n])|user-agent|if-\w{4,8}-?\w{0,10}|strict-transport-security|x-[\w-]{2,40}|sec-[\w-]{2,40}|accept(?:-\w{2,20})?|set-cookie2?|content-\w{2,20}|"
        r"location|vary\s?:\s?[\w*]|expires\s?:\s?\d|pragma|server\s?:\s?\w|via\s?:\s?\d)\s{0,2}(?::|(?<=[:<\w*.]))"
        r"|\A\s{0,2}[\r\n]{1,4}[a-z]{2,20}-[a-z][a-z-]{1,20}\s?:\s?\S|\A[^\s:<>]{0,80}[\r\n]{1,4}\s{0,3}(?:GET|POST|PUT|HEAD|OPTIONS|DELETE)\s[^\s]{1,200}\sHTTP/\d"
        r"|\A[\r\n]{1,4}[a-z-]{0,20}(?:header|inject|crlf|evil|hack)[\w-]{0,20}\s?:|\A[\w.+%-]{1,64}[\r\n]{1,4}\s{0,3}(?:to|b?cc|reply-to)\s?:\s?[\w.+%-]{1,64}@"
        r"|\A[\w.+%-]{1,64}@[\w.-]{1,100}[\r\n]{1,4}\s{0,3}(?:to|b?cc|subject|from|reply-to|mime-version|content-type)\s?:",
        (
            "x\r\nHost: x.example",
            "%0d%0aETag: x",
            "%0d%0aHeader-Test: blah",
            "a@b.example%0ACc: c@d.example",
            "%0d%0aGET /admin HTTP/1.1",
            "%c4%8d%c4%8aSet-Cookie: a=b",
        ),
        (
            "Hello,\r\nAccept: my apologies",
            "From: Julia\r\nTo: Romeo\r\nSubject: tonight",
            "GET / HTTP/1.1\r\nHost: example.com",
            "T-Shirt: blue\r\nSize: M",
            "My shop is\nLink: none",
        ),
    ),
)
