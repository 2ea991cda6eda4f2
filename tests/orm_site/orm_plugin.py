"""Set Django up for the checks beside this file, in a pytest process of their own: `-p orm_plugin`.

`ORM_SITE_DSN` names a PostgreSQL or a MariaDB database; without it the site uses a SQLite file.
"""

from __future__ import annotations

import contextvars
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
import pytest
from django.conf import settings

HERE = Path(__file__).parent
_directory = tempfile.TemporaryDirectory(prefix="aura-orm-site-")

MIDDLEWARE = [
    "aura_logging.django.middleware.PerformanceMonitoringMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "aura_logging.django.middleware.DatabaseQueryTrackingMiddleware",
]


def _database() -> dict[str, Any]:
    dsn = os.environ.get("ORM_SITE_DSN")
    if not dsn:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{_directory.name}/library.db"}
    parts = urlsplit(dsn)
    if parts.scheme == "mysql":
        import pymysql

        # Django asks for mysqlclient, which has to be compiled; to the ORM this one looks the same.
        pymysql.version_info = (2, 2, 7, "final", 0)
        pymysql.install_as_MySQLdb()
    return {
        "ENGINE": f"django.db.backends.{parts.scheme}",
        "NAME": parts.path[1:],
        "USER": parts.username,
        "HOST": parts.hostname,
        "PORT": parts.port,
    }


settings.configure(
    ALLOWED_HOSTS=["testserver"],
    BASE_DIR=HERE,
    SECRET_KEY="for tests only",
    ROOT_URLCONF="library.urls",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={
        "default": _database(),
        "archive": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{_directory.name}/archive.db"},
    },
    CACHES={
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        "database": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache_table"},
        "file": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": f"{_directory.name}/cache",
        },
        "nothing": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
    },
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "aura_logging.django",
        "library",
    ],
    MIDDLEWARE=MIDDLEWARE,
    TEMPLATES=[
        {
            "BACKEND": "aura_logging.django.template_backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
)  # fmt: skip
django.setup()


@pytest.fixture(scope="session", autouse=True)
def _library() -> Iterator[None]:
    """Make the tables and fill them: six authors, two books each, and everything around them."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connections
    from library.models import Author, Book, Country, Genre, Note, Paperback, Portrait, Review, Shelf

    for alias in ("default", "archive"):
        call_command("migrate", verbosity=0, database=alias)
        call_command("migrate", run_syncdb=True, verbosity=0, database=alias)  # the library has no migrations
    call_command("createcachetable", verbosity=0)
    countries = [Country.objects.create(name=f"country {n}") for n in range(3)]
    fiction = Genre.objects.create(name="fiction")
    genres = [fiction] + [Genre.objects.create(name=f"genre {n}", parent=fiction) for n in range(3)]
    authors = [Author.objects.create(name=f"author {n}", country=countries[n % 3]) for n in range(6)]
    for number, author in enumerate(authors):
        Portrait.objects.create(author=author, file=f"{number}.jpg")
        author.follows.add(authors[(number + 1) % 6])
        author.blocked.add(authors[(number + 2) % 6])
        Note.objects.create(text="on an author", about=author)
        for half in range(2):
            book = Book.objects.create(title=f"book {number}.{half}", author=author, editor=authors[5 - number])
            book.genres.set(genres[half : half + 2])
            Review.objects.create(book=book)
            Note.objects.create(text="on a book", about=book)
    for number in range(2):
        Shelf.objects.create(name=f"shelf {number}").books.set(Book.objects.all())
    for number in range(3):
        Paperback.objects.create(title=f"paperback {number}", author=authors[0], pages=100 + number)
    User.objects.create_superuser("admin", "admin@example.com", "secret")
    yield
    connections.close_all()
    _directory.cleanup()


@pytest.fixture(autouse=True)
def _content_types_are_known() -> None:
    """Have Django look its content types up before a check counts queries, as it has in any running process."""
    from django.contrib.contenttypes.models import ContentType
    from library.models import Author, Book, Note

    ContentType.objects.get_for_models(Author, Book, Note)
    for content_type in ContentType.objects.all():
        ContentType.objects.get_for_id(content_type.pk)


@pytest.fixture
def rollback() -> Iterator[None]:
    """Undo what the check writes."""
    from django.db import transaction

    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def observe() -> Callable[..., Any]:
    """Return a function that calls another and returns the report of its queries."""
    from aura_logging.performance.queries import QueryLog, current
    from aura_logging.performance.report import judge

    def run(function: Callable[[], Any], **options: Any) -> Any:
        log = QueryLog(**options)

        def inside() -> None:
            current.set(log)
            function()

        contextvars.copy_context().run(inside)
        assert log.uncounted == 0
        return judge(log)

    return run


@pytest.fixture
def records() -> Iterator[list[Any]]:
    """Return the records that our loggers write during the check."""
    import logging

    found: list[Any] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record)

    keep, ours = Keep(), logging.getLogger("aura")
    ours.addHandler(keep)
    ours.setLevel("INFO")
    yield found
    ours.removeHandler(keep)
