"""Find the keys of well-known services by the prefix their makers gave them for this purpose."""

from __future__ import annotations

from aura_logging.privacy.detector import Detector, by_pattern

__all__ = ["VENDOR_KEYS"]

_EDGE = r"(?<![A-Za-z0-9_-])"


def _key(
    name: str, scan: bytes, pattern: str, examples: tuple[str, ...], counter_examples: tuple[str, ...], group: int = 0
) -> Detector:
    find = by_pattern(pattern, group=group)
    return Detector(name=name, scan=scan, find=find, examples=examples, counter_examples=counter_examples)


# The examples are put together from halves so that scanners of source code do not take them for real keys.
_A, _B = "A1b2C3d4E5f6G7h8", "J9k0L1m2N3p4Q5r6"
_DIGITS = "123456789012"

VENDOR_KEYS = (
    _key(
        "aws_access_key",
        rb"(?:akia|asia|abia|acca)[a-z2-7]{16}",
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])",
        ("AKIA" + "IOSFODNN7EXAMPLE", "key=ASIA" + "IOSFODNN7EXAMPLE,"),
        ("AKIA", "AKIAIOSFODNN7EXAMPL", "xAKIAIOSFODNN7EXAMPLE"),
    ),
    _key(
        "google_api_key",
        rb"aiza[0-9a-z_-]{35}|gocspx-[a-z0-9_-]{20}|ya29\.[a-z0-9_-]{20}",
        _EDGE + r"(?:AIza[0-9A-Za-z_-]{35}|GOCSPX-[A-Za-z0-9_-]{20,}|ya29\.[A-Za-z0-9_-]{20,})",
        ("AIza" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY", "GOCSPX-" + _A + _B, "ya29." + _A + _B),
        ("AIzaShort", "ya29.x"),
    ),
    _key(
        "github_token",
        rb"gh[pousr]_[a-z0-9]{30}|github_pat_[a-z0-9_]{22}",
        _EDGE + r"(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})",
        ("ghp_" + _A + _B + "abcd", "github_pat_" + _A + "_" + _B),
        ("ghp_short", "github_path"),
    ),
    _key(
        "gitlab_token",
        rb"gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[a-z0-9_-]{20}",
        _EDGE + r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[A-Za-z0-9_-]{20,}",
        ("glpat-" + _A + "wxyz",),
        ("glpat-short",),
    ),
    _key(
        "slack_token",
        rb"xox[abeoprs]-[a-z0-9-]{10}|xapp-[0-9]-[a-z0-9-]{10}|hooks\.slack\.com(?:\\?/)services(?:\\?/)t",
        r"(?:" + _EDGE + r"(?:xox[abeoprs](?:-[0-9])?-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,})"
        r"|(?<=hooks\.slack\.com/services/)T[A-Za-z0-9/]{10,}|(?<=hooks\.slack\.com\\/services\\/)T[A-Za-z0-9/\\]{10,})",
        ("xoxb-" + _DIGITS + "-" + _A, "https://hooks.slack.com/services/T0001/B0001/" + _A),
        ("xoxo, mum", "https://hooks.slack.com/help"),
    ),
    _key(
        "stripe_key",
        rb"(?:sk|rk)_(?:live|test)_[0-9a-z]{10}|whsec_[0-9a-z+/]{20}",
        _EDGE + r"(?:(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{10,}|whsec_[0-9A-Za-z+/]{20,})",
        ("sk_live" + "_" + _A, "rk_test" + "_" + _A, "whsec_" + _A + _B),
        ("sk_live", "pk_live_" + _A, "risk_test_results"),
    ),
    _key(
        "azure_key",
        rb"(?:accountkey|sharedaccesskey)=[a-z0-9+/]{20}|[?&;]sig=[a-z0-9%+/]{20}",
        r"(?i)(?:(?<=AccountKey=)|(?<=SharedAccessKey=)|(?<=[?&;]sig=))[A-Za-z0-9%+/]{20,}={0,2}",
        ("AccountName=shop;AccountKey=" + _A + _B + "==;EndpointSuffix=x", "?sv=2024&sig=" + _A + _B + "%3D"),
        ("AccountKey=", "design=1"),
    ),
    _key(
        "django_secret_key",
        rb"django-insecure-",
        r"django-insecure-[^\s\"',]{20,}",
        ("SECRET_KEY is django-insecure-" + "#z0@!k^" + _A + _B,),
        ("django-insecure-", "django-insecure-docs"),
    ),
    _key(
        "api_key",
        rb"sk-(?:ant-|proj-|or-)?[a-z0-9_-]{20}|hf_[a-z]{30}|npm_[a-z0-9]{36}|pypi-agei[a-z0-9_-]{20}"
        rb"|sg\.[a-z0-9_-]{16,}\.[a-z0-9_-]{16}|do[opr]_v1_[0-9a-f]{32}|shp(?:at|ca|pa|ss)_[0-9a-f]{32}"
        rb"|sq0(?:csp|atp)-[a-z0-9_-]{22}|[0-9]{8,10}:aa[a-z0-9_-]{33}|dp\.(?:pt|st)\.[a-z0-9]{20}|hv[sbr]\.[a-z0-9_-]{24}"
        rb"|sentry:(?:\\?/){2}[0-9a-f]{32}|key-[0-9a-f]{32}",
        _EDGE + r"(?:sk-(?:ant-|proj-|or-)?(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}|hf_[A-Za-z]{30,}|npm_[A-Za-z0-9]{36}"
        r"|pypi-AgEI[A-Za-z0-9_-]{20,}|SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,}|do[opr]_v1_[0-9a-f]{32,}"
        r"|shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}|sq0(?:csp|atp)-[A-Za-z0-9_-]{22,}|[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"
        r"|dp\.(?:pt|st)\.[A-Za-z0-9]{20,}|hv[sbr]\.[A-Za-z0-9_-]{24,}|key-[0-9a-f]{32})(?![A-Za-z0-9])",
        (
            "sk-proj-" + _A + _B,
            "sk-ant-api03-" + _A + _B,
            "hf_" + "abcdefghijABCDEFGHIJabcdefghijABCD",
            "npm_" + _A + _B + "abcd",
            "pypi-AgEI" + _A + _B,
            "SG." + _A + _A + "." + _B + _B,
            "shpat_" + "0123456789abcdef" * 2,
            "key-" + "0123456789abcdef" * 2,
            _DIGITS[:9] + ":AA" + _A + _B + "x",
        ),
        (
            "task-" + "abcdefghijklmnopqrstuvw",
            "sk-learn-pipeline-with-scaler",
            "SG.x.y",
            "monkey-" + "0123456789abcdef" * 2,
        ),
    ),
)
