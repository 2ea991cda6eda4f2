"""Find what audit packages do not see, or see though it did not happen: ours and its peers in the same situations.

    python benchmarks/audit_blindness.py

Every candidate runs in a process of its own, with one tracked model and a many-to-many field. `told` has an entry,
`blind` has none for a change that was made, `GHOST` has one for a change that was not; `fails` is the change itself.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from typing import Any

PEERS = {"django-auditlog": "auditlog", "django-simple-history": "simple_history"}
NAMES = ("ours", *PEERS)
SIGNS = {(True, True): "told", (True, False): "blind", (False, True): "GHOST", (False, False): "none, right"}


def site(name: str) -> tuple[Any, Any, Any]:
    """Set Django up; return the model, its tags' model, and a function that counts entries."""
    import django
    from django.conf import settings

    peers = [PEERS[name]] if name in PEERS else []
    settings.configure(
        SECRET_KEY="a benchmark's key, which has to be long enough", USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{tempfile.mkdtemp()}/shop.db"}},
        INSTALLED_APPS=[
            "django.contrib.auth", "django.contrib.contenttypes", *peers,
            *(["aura_logging.django"] if name == "ours" else []),
        ],
    )  # fmt: skip
    django.setup()
    from django.core.management import call_command
    from django.db import connection, models

    class Tag(models.Model):
        name = models.CharField(max_length=20)

        class Meta:
            app_label = "auth"

    class Book(models.Model):
        title = models.CharField(max_length=200, unique=True)
        pages = models.IntegerField(default=1)
        blurb = models.TextField(default="")
        tags = models.ManyToManyField(Tag)

        if name == "django-simple-history":
            from simple_history.models import HistoricalRecords

            history = HistoricalRecords(app="auth", m2m_fields=[tags])

        class Meta:
            app_label = "auth"

    if name == "ours":
        from aura_logging.django.audit import track

        track(Book)
    elif name == "django-auditlog":
        from auditlog.registry import auditlog

        auditlog.register(Book, m2m_fields={"tags"})
    call_command("migrate", verbosity=0)
    kept = [Tag, Book]
    if name == "django-simple-history":
        kept += [Book.history.model, *(each for each in Book.history.model.__subclasses__())]
        from django.apps import apps

        kept = [*kept[:3], *(each for each in apps.get_models() if each.__name__ == "HistoricalBook_tags")]
    with connection.schema_editor() as editor:
        for model in kept:
            editor.create_model(model)

    def count() -> int:
        if name == "ours":
            from aura_logging.django.models import AuditEntry as Entry
        elif name == "django-auditlog":
            from auditlog.models import LogEntry as Entry
        else:
            return int(Book.history.count())
        return int(Entry.objects.count())

    return Book, Tag, count


def look(name: str) -> None:
    """In a candidate's process: go through the situations, print what was seen of each."""
    Book, Tag, count = site(name)  # noqa: N806  # classes
    from django.db import IntegrityError, connection, transaction
    from django.db.models import F

    number = iter(range(10_000))
    tag = Tag.objects.create(name="red")

    def book(**values: Any) -> Any:
        return Book.objects.create(title=f"book {next(number)}", **values)

    def raw(sql: str, *parameters: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)

    def many(sql: str, rows: list[Any]) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(sql, rows)

    def undone(work: Any) -> None:
        with transaction.atomic():
            work()
            transaction.set_rollback(True)

    def refused(one: Any, other: Any) -> None:
        one.title = other.title
        with contextlib.suppress(IntegrityError):
            one.save()

    def saved(one: Any, **options: Any) -> None:
        one.pages += 1
        one.save(**options)

    through = Book.tags.through
    situations: list[tuple[str, bool, Any]] = [
        ("save()", True, lambda one, other: saved(one)),
        ("save(update_fields=…)", True, lambda one, other: saved(one, update_fields=["pages"])),
        ("save() with deferred fields", True, lambda one, other: saved(Book.objects.only("pages").get(pk=one.pk))),
        ("save() of an F() expression", True, lambda one, other: (setattr(one, "pages", F("pages") + 1), one.save())),
        ("save() that changes nothing", False, lambda one, other: Book.objects.get(pk=one.pk).save()),
        ("delete() of a queryset", True, lambda one, other: Book.objects.filter(pk=one.pk).delete()),
        ("update() of a queryset", True, lambda one, other: Book.objects.filter(pk=one.pk).update(pages=7)),
        ("bulk_create()", True, lambda one, other: Book.objects.bulk_create([Book(title=f"bulk {next(number)}")])),
        ("bulk_update()", True, lambda one, other: Book.objects.bulk_update([one], ["blurb"])),
        ("raw SQL", True, lambda one, other: raw("UPDATE auth_book SET pages = 9 WHERE id = %s", one.pk)),
        ("executemany", True,
         lambda one, other: many("UPDATE auth_book SET pages = 9 WHERE id = %s", [[one.pk], [other.pk]])),
        ("m2m add()", True, lambda one, other: one.tags.add(tag)),
        ("m2m, a row of its table", True, lambda one, other: through.objects.create(book=one, tag=tag)),
        ("m2m, bulk_create of its rows", True,
         lambda one, other: through.objects.bulk_create([through(book=one, tag=tag)])),
        ("save() rolled back", False, lambda one, other: undone(lambda: saved(one))),
        ("update() rolled back", False, lambda one, other: undone(lambda: Book.objects.update(pages=3))),
        ("save() that the database refuses", False, refused),
    ]  # fmt: skip
    seen = {}
    for what, happens, work in situations:
        one, other = book(), book()
        before = count()
        try:
            work(one, other)
        except Exception as error:
            seen[what] = f"fails ({type(error).__name__})"
        else:
            seen[what] = SIGNS[happens, count() > before]
    print(json.dumps(seen))


def main() -> None:
    names = [name for name in NAMES if find_spec(PEERS.get(name, "django")) is not None]
    tables = {
        name: json.loads(
            subprocess.run(
                [sys.executable, __file__, "--look", name], check=True, capture_output=True, text=True
            ).stdout
        )
        for name in names
    }
    print(f"{'':34}" + "".join(f"{name:>23}" for name in names))
    for what in tables["ours"]:
        print(f"{what:34}" + "".join(f"{tables[name][what]:>23}" for name in names))


if __name__ == "__main__":
    if "--look" in sys.argv:
        look(sys.argv[-1])
    else:
        main()
