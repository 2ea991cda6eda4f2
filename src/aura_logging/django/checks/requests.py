"""Check what concerns requests: the order of the middlewares, whose word about a client is believed, Sentry."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator

from django.conf import settings
from django.utils.module_loading import import_string

from aura_logging.diagnostics.report import Recommendation
from aura_logging.django.conf import options
from aura_logging.django.metrics_store import MetricsOptions
from aura_logging.django.middleware import DatabaseQueryTrackingMiddleware, PerformanceMonitoringMiddleware
from aura_logging.django.requests import ContextOptions
from aura_logging.health import Status
from aura_logging.integrations import sentry

__all__ = ["REQUEST_CHECKS"]

_PACKAGE = "aura_logging.django.middleware"
_WIDEST_IPV4 = 8
_WIDEST_IPV6 = 16
"""A network of proxies is never larger: 10.0.0.0/8 is the largest private one."""


def middlewares_are_in_order() -> Iterator[Recommendation]:
    """Performance outermost, so that it times all others; queries innermost, so that it knows the view's."""
    listed = [_class_of(path) for path in settings.MIDDLEWARE]
    outer, inner = _places(listed, PerformanceMonitoringMiddleware), _places(listed, DatabaseQueryTrackingMiddleware)
    if outer and inner and inner[0] < outer[0]:
        yield _about_middleware(
            "aura.E003",
            "DatabaseQueryTrackingMiddleware stands before PerformanceMonitoringMiddleware: its queries belong to no "
            "request.",
            "Put PerformanceMonitoringMiddleware first and DatabaseQueryTrackingMiddleware last.",
            Status.UNHEALTHY,
        )
        return
    if len(outer) > 1 or len(inner) > 1:
        yield _about_middleware(
            "aura.E004",
            "one of our middlewares is listed twice: requests would be counted twice.",
            "List each of them once.",
            Status.UNHEALTHY,
        )
        return
    if not outer or outer[0] != 0:
        problem = "is missing: requests get no id, and none is measured." if not outer else (
            f"is number {outer[0] + 1}: what the middlewares before it do and log has no id and is not timed."
        )  # fmt: skip
        yield _about_middleware("aura.W002", f"PerformanceMonitoringMiddleware {problem}", "Put it first.")
    if not inner or inner[0] != len(listed) - 1:
        problem = "is missing: queries are not counted." if not inner else (
            "is not the last: queries of the middlewares after it are taken for the view's."
        )  # fmt: skip
        yield _about_middleware("aura.W003", f"DatabaseQueryTrackingMiddleware {problem}", "Put it last.")


def only_proxies_are_trusted() -> Iterator[Recommendation]:
    """Whoever is trusted as a proxy can be any client."""
    for entry in options(ContextOptions).trusted_proxies:
        if entry != "unix" and _is_too_wide(entry):
            yield Recommendation(
                "aura.E005",
                Status.UNHEALTHY,
                'AURA["CONTEXT"]["trusted_proxies"]',
                f"{entry} is more than a network of proxies: anybody in it may say to be any client.",
                "Name the addresses of your proxies only.",
                'AURA["CONTEXT"]["trusted_proxies"]',
                '["10.0.0.5"]',
            )
    for entry in options(MetricsOptions).allowed_networks:
        if _is_too_wide(entry):
            yield Recommendation(
                "aura.W014",
                Status.DEGRADED,
                'AURA["METRICS"]["allowed_networks"]',
                f"{entry} lets half the world read /aura/metrics and /aura/health.",
                "Name the networks of your monitoring only, or use a token.",
                'AURA["METRICS"]["allowed_networks"]',
                '["127.0.0.0/8", "::1", "10.20.0.0/16"]',
            )


def a_proxy_is_known() -> Iterator[Recommendation]:
    """Settings that only make sense behind a proxy, and no proxy named: every client would be the proxy."""
    behind = [name for name in ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST") if getattr(settings, name, None)]
    if behind and not options(ContextOptions).trusted_proxies:
        yield Recommendation(
            "aura.W012",
            Status.DEGRADED,
            'AURA["CONTEXT"]["trusted_proxies"]',
            f"{behind[0]} says that there is a proxy, and none is named: client_ip is the proxy's on every line.",
            "Name the proxy by its address or network.",
            'AURA["CONTEXT"]["trusted_proxies"]',
            '["10.0.0.5"]',
        )


def sentry_gets_what_is_scrubbed() -> Iterator[Recommendation]:
    """Sentry's SDK takes exceptions, local variables and log records past every filter."""
    if sentry.is_scrubbed() is False:
        yield Recommendation(
            "aura.W007",
            Status.DEGRADED,
            "Sentry",
            "its SDK was started without our hooks: passwords, tokens and personal data leave in events.",
            "Start it with aura_logging.integrations.sentry.init_from_env(), or give sentry_sdk.init the hooks of "
            "SentryHooks(Scrubber()).by_option().",
        )


REQUEST_CHECKS: tuple[Callable[[], Iterator[Recommendation]], ...] = (
    middlewares_are_in_order,
    only_proxies_are_trusted,
    a_proxy_is_known,
    sentry_gets_what_is_scrubbed,
)


def _about_middleware(code: str, problem: str, advice: str, status: Status = Status.DEGRADED) -> Recommendation:
    order = f'["{_PACKAGE}.PerformanceMonitoringMiddleware", ..., "{_PACKAGE}.DatabaseQueryTrackingMiddleware"]'
    return Recommendation(code, status, "MIDDLEWARE", problem, advice, "MIDDLEWARE", order)


def _class_of(path: str) -> object:
    try:
        found: object = import_string(path)
    except ImportError:  # Django says so itself, at the first request
        return None
    return found


def _places(listed: list[object], kind: type) -> list[int]:
    return [place for place, each in enumerate(listed) if isinstance(each, type) and issubclass(each, kind)]


def _is_too_wide(entry: str) -> bool:
    network = ipaddress.ip_network(entry, strict=False)
    return network.prefixlen < (_WIDEST_IPV4 if network.version == 4 else _WIDEST_IPV6)
