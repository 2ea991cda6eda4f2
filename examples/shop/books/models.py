"""What stands on the shelves."""

from django.db import models
from django.urls import reverse


class Publisher(models.Model):
    name = models.CharField(max_length=80, unique=True)
    city = models.CharField(max_length=80)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return f"{self.name}, {self.city}"


class Author(models.Model):
    name = models.CharField(max_length=80, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class Book(models.Model):
    title = models.CharField(max_length=120)
    author = models.ForeignKey(Author, on_delete=models.PROTECT, related_name="books")
    publisher = models.ForeignKey(Publisher, on_delete=models.PROTECT, related_name="books")
    year = models.PositiveSmallIntegerField()
    price = models.DecimalField(max_digits=6, decimal_places=2)
    in_stock = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["title"]
        constraints = [models.UniqueConstraint(fields=["title", "author"], name="one_entry_per_book")]

    def __str__(self):
        return f"{self.title} ({self.author.name})"

    def get_absolute_url(self):
        return reverse("book", args=[self.pk])

    @property
    def cover_hue(self):
        """The cover's colour, in degrees: we have no pictures, so each book gets a cloth binding."""
        return self.pk * 47 % 360
