"""Set Django up for the checks beside this file, in a pytest process of their own: `-p audit_plugin`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import django
import pytest

os.environ["DJANGO_SETTINGS_MODULE"] = "clinic.settings"
django.setup()


@pytest.fixture(scope="session", autouse=True)
def _clinic() -> Iterator[None]:
    """Make the tables."""
    from clinic.models import Account
    from django.core.management import call_command
    from django.db import connections

    for alias in ("default", "archive"):
        call_command("migrate", run_syncdb=True, verbosity=0, database=alias)
    Account.objects.create_superuser("grace", "grace@example.com", "secret")
    yield
    connections.close_all()


@pytest.fixture(autouse=True)
def _no_context() -> Iterator[None]:
    """Let no check see another's context."""
    from aura_logging import context

    context.release()
    yield
    context.release()


class News:
    """What has come into the trail since the check began."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._seen = self._last()

    def _last(self) -> int:
        from aura_logging.django.models import AuditEntry

        return max([0, *AuditEntry.objects.using(self._alias).values_list("pk", flat=True)])

    def __call__(self) -> list[Any]:
        from aura_logging.django.models import AuditEntry

        return list(AuditEntry.objects.using(self._alias).filter(pk__gt=self._seen).order_by("pk"))

    def told(self) -> list[tuple[Any, ...]]:
        """Return action, object's type, id and changes of each; and forget them."""
        found = [(one.action, one.object_type, one.object_id, one.changes) for one in self()]
        self.forget()
        return found

    def forget(self) -> None:
        self._seen = self._last()


@pytest.fixture
def news() -> News:
    return News("default")


@pytest.fixture
def archive_news() -> News:
    return News("archive")


@pytest.fixture
def whole() -> Callable[[], Any]:
    """Return a function that verifies the trail of the default database."""
    from aura_logging.audit.verify import verify
    from aura_logging.django.audit_options import DjangoAuditOptions
    from aura_logging.django.audit_start import store_in
    from aura_logging.django.conf import options

    return lambda alias="default": verify(store_in(alias), options(DjangoAuditOptions).key_ring())
