"""Fill in the dashboard's templates, with an engine of its own: whatever engine and loaders the project has."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine
from django.urls import reverse

from aura_logging.django.conf import options
from aura_logging.django.dashboard.assets import asset_names
from aura_logging.django.dashboard.options import DashboardOptions
from aura_logging.metrics.stores.base import StoreError

__all__ = ["engine", "page", "with_store"]

_PAGES = (
    ("Overview", ""),
    ("Routes", "routes/"),
    ("Log", "logs/"),
    ("Alerts", "alerts/"),
    ("Workers and handlers", "workers/"),
)

_TEMPLATES = Path(__file__).parents[1] / "templates"


def page(
    request: HttpRequest, template: str, values: Mapping[str, Any], *, is_live: bool = False, status: int = 200
) -> HttpResponse:
    """Return the page; `is_live` lets the browser fetch it anew while it is open. Everything is escaped.

    `title` is its name; where it belongs below another, `section` is that one's.
    """
    base = reverse("aura:overview")
    shared = {
        "assets": asset_names(),
        "base": base,
        "pages": [(name, name.partition(" ")[0], f"{base}{path}") for name, path in _PAGES],
        "live_seconds": options(DashboardOptions).page_seconds if is_live else 0,
        "as_of": time.time(),
        "user_name": request.user.get_username(),
    }
    rendered = engine().get_template(f"aura/{template}").render(Context({**shared, **values}, use_l10n=False))
    return HttpResponse(rendered, status=status)


def with_store(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Have a view that reads the metrics store say, on a page of its own, why they cannot be had."""

    @functools.wraps(view)
    def answered(request: HttpRequest, **arguments: Any) -> HttpResponse:
        try:
            return view(request, **arguments)
        except (StoreError, ImproperlyConfigured) as error:
            return page(request, "unavailable.html", {"title": "No numbers now", "reason": str(error)}, status=503)

    return answered


@functools.cache
def engine() -> Engine:
    """Return the engine: everything is escaped."""
    return Engine(
        dirs=[str(_TEMPLATES)],
        builtins=["aura_logging.django.dashboard.template_filters"],
        autoescape=True,
    )
