"""One model for each kind of relation that Django's ORM has."""

import uuid

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models


class Country(models.Model):
    name = models.CharField(max_length=80)

    def __str__(self):
        return self.name


class Author(models.Model):
    name = models.CharField(max_length=80)
    country = models.ForeignKey(Country, on_delete=models.CASCADE, related_name="authors")
    biography = models.TextField(default="")
    follows = models.ManyToManyField("self", symmetrical=False, related_name="followers")
    blocked = models.ManyToManyField("self", symmetrical=False, related_name="+")
    notes = GenericRelation("Note")

    def __str__(self):
        return self.name


class Portrait(models.Model):
    author = models.OneToOneField(Author, on_delete=models.CASCADE)
    file = models.CharField(max_length=80)


class Genre(models.Model):
    name = models.CharField(max_length=80)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")

    def __str__(self):
        return self.name


class Book(models.Model):
    title = models.CharField(max_length=80)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    editor = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="edited", null=True)
    genres = models.ManyToManyField(Genre, related_name="books")
    price = models.IntegerField(default=10)
    notes = GenericRelation("Note")

    def __str__(self):
        return self.title

    @property
    def byline(self):
        return f"{self.title} by {self.author.name}"


class Review(models.Model):
    book = models.ForeignKey(Book, on_delete=models.CASCADE)
    stars = models.IntegerField(default=3)


class Shelf(models.Model):
    name = models.CharField(max_length=80)
    books = models.ManyToManyField(Book)


class Paperback(Book):
    pages = models.IntegerField(default=100)


class CopiedRows(models.QuerySet):
    """Does nothing of its own but to ask a copy."""

    def get(self, *args, **kwargs):
        return super(CopiedRows, self.all()).get(*args, **kwargs)


class Reader(models.Model):
    """Somebody whose every row is loaded through overrides."""

    name = models.CharField(max_length=80)
    address = models.TextField(default="")
    country = models.ForeignKey(Country, on_delete=models.CASCADE)

    objects = CopiedRows.as_manager()

    class Meta:
        base_manager_name = "objects"

    def refresh_from_db(self, *args, **kwargs):
        super().refresh_from_db(*args, **kwargs)


class Card(models.Model):
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE)


class Guest(models.Model):
    """Somebody who is greeted by the country's name whenever what was left out is loaded."""

    name = models.CharField(max_length=80)
    address = models.TextField(default="")
    country = models.ForeignKey(Country, on_delete=models.CASCADE)

    def refresh_from_db(self, *args, **kwargs):
        super().refresh_from_db(*args, **kwargs)
        self.greeting = f"welcome from {Country.objects.get(pk=self.country_id)}"


class Copy(models.Model):
    """One of the copies of a book: it has no key of its own."""

    pk = models.CompositePrimaryKey("book_id", "number")
    book = models.ForeignKey(Book, on_delete=models.CASCADE)
    number = models.IntegerField()
    state = models.TextField(default="")


class Volume(models.Model):
    previous = models.OneToOneField("self", on_delete=models.CASCADE, null=True, related_name="next_volume")


class Folder(models.Model):
    """One inside another; its key is no number."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True)


class Station(models.Model):
    """One after another, each known by its name."""

    name = models.CharField(max_length=80, unique=True)
    next = models.ForeignKey("self", on_delete=models.CASCADE, null=True, to_field="name")


class TranslatedBook(Book):
    class Meta:
        proxy = True


class Note(models.Model):
    text = models.CharField(max_length=80)
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, null=True)
    object_id = models.PositiveIntegerField(null=True)
    about = GenericForeignKey()
