"""Do to a queryset what the hints of a report say, word for word."""

from __future__ import annotations

import re

from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.db.models import Count
from library.models import Author, Book

ADDED = re.compile(r"add (\..+?)(?: to the queryset that fetches \w+)?(?: and read that)? \(\d+ queries become \d+\)")


def books():
    return Book.objects.filter(paperback=None).order_by("pk")


def authors():
    return Author.objects.order_by("pk")


def change(rows, advice, others=""):
    """Add to the queryset what a hint says, word for word, and `others` where it leaves room for more."""
    names = {"rows": rows, "Book": Book, "Author": Author, "Count": Count, "GenericPrefetch": GenericPrefetch}
    return eval("rows" + ADDED.search(advice)[1].replace(", …", others), names)


def follow(advice, rows):
    """Do all that a report's hints say."""
    for hint in advice:
        rows = change(rows, hint.text)
    return rows
