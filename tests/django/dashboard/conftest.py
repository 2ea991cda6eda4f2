"""Serve a seeded site and look at it with Chromium, or ask for pages in this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

SITE = Path(__file__).resolve().parents[2] / "dashboard_site"
sys.path.append(str(SITE))

from serving import Site, serving  # noqa: E402  # it lies in SITE

TIMEOUT_MS = 20_000
PAGE_SECONDS = 600
"""No open page renews itself while a test lasts, unless the test turns its clock: see `Visitor.wait`."""


@pytest.fixture
def viewer(database: Path) -> Client:
    """Return a client of this process that is logged in as staff with the permission."""
    user, _ = User.objects.get_or_create(username="viewer", defaults={"is_staff": True})
    user.user_permissions.add(Permission.objects.get(codename="view_dashboard", content_type__app_label="aura"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return the seeded site; for the session, because tests may be handed to another worker one by one."""
    with serving(tmp_path_factory.mktemp("watched"), is_hostile=True, page_seconds=PAGE_SECONDS) as served:
        yield served


@pytest.fixture(scope="module")
def browser(require_service: Callable[[str], Path]) -> Iterator[Browser]:
    """Return a Chromium; for one module only, because while it is there Django would find an event loop running."""
    program = require_service("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Its sandbox does not start for root.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


class Visitor:
    """Somebody who opens pages; `complaints` are what consoles, requests and the content policy had to say.

    A test sets `expected` to words that may be among them.
    """

    def __init__(self, browser: Browser, site: Site) -> None:
        self.complaints: list[str] = []
        self.expected: tuple[str, ...] = ("ERR_ABORTED",)  # a page that renews itself may be left in the middle of it
        self._browser = browser
        self._site = site
        self._contexts: list[BrowserContext] = []

    def open(self, path: str, user: str = "susan", **options: Any) -> Page:
        """Open a page in a window of its own, logged in as that user; as nobody for an empty one."""
        context = self._browser.new_context(**options)
        if options.get("java_script_enabled", True):
            context.clock.install()  # it runs on by itself
        self._contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        context.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error(`forbidden: ${e.violatedDirective}`))"
        )
        if user:
            context.add_cookies([{"name": "sessionid", "value": self._site.sessions[user], "url": self._site.url}])
        page = context.new_page()
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(f"{request.url}: {request.failure}"))
        page.on("request", lambda request: self._note_host(request.url))
        page.on("dialog", lambda dialog: (self.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(self._site.url + path)
        return page

    def wait(self, page: Page) -> None:
        """Turn the page's clock on until it renews itself; whether that went well is for the test to look at."""
        page.clock.fast_forward(PAGE_SECONDS * 1_000)

    def leave(self) -> None:
        for context in self._contexts:
            context.close()

    def _note(self, message: ConsoleMessage) -> None:
        # The admin's login page has no icon.
        if message.type in ("error", "warning") and not message.location["url"].endswith("/favicon.ico"):
            self.complaints.append(message.text)

    def _note_host(self, url: str) -> None:
        if not url.startswith((f"{self._site.url}/", "data:")):
            self.complaints.append(f"asked for {url}")


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Iterator[Visitor]:
    """Return somebody who looks at the site; at the end nothing may have complained."""
    visiting = Visitor(browser, site)
    yield visiting
    visiting.leave()
    unexpected = [each for each in visiting.complaints if not any(words in each for words in visiting.expected)]
    assert unexpected == []
