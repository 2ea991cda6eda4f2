"""Look at books: the shelf, one book, its stock, the search."""

import asyncio
import logging

from django.db.models import Q
from django.http import JsonResponse
from django.shortcuts import aget_object_or_404, get_object_or_404, render

from books.models import Book

log = logging.getLogger("shop.books")

WAREHOUSES = {"north": 0.02, "south": 0.03}  # how long each needs to answer, in seconds


def home(request):
    newest = Book.objects.select_related("author").order_by("-year", "title")[:10]
    return render(request, "books/home.html", {"books": newest})


def shelf(request):
    """All books with their authors and publishers, in one query."""
    books = Book.objects.select_related("author", "publisher")
    return render(request, "books/shelf.html", {"books": books, "heading": "All books"})


def careless_shelf(request):
    """The same page written carelessly: two more queries for every book (the N+1 problem)."""
    return render(request, "books/shelf.html", {"books": Book.objects.all(), "heading": "All books, carelessly"})


def detail(request, pk):
    book = get_object_or_404(Book.objects.select_related("author", "publisher"), pk=pk)
    if book.in_stock < 3:
        log.warning("stock is low", extra={"book_id": book.pk, "in_stock": book.in_stock})
    return render(request, "books/detail.html", {"book": book})


async def stock(request, pk):
    """Ask both warehouses at once; what they log carries this request's id, task or no task."""
    book = await aget_object_or_404(Book, pk=pk)
    counts = await asyncio.gather(*(_ask_warehouse(name, book) for name in WAREHOUSES))
    return JsonResponse({"book": book.pk, "title": book.title, "in_stock": sum(counts)})


async def _ask_warehouse(name, book):
    await asyncio.sleep(WAREHOUSES[name])
    count = book.in_stock // 2 + (book.in_stock % 2 if name == "north" else 0)
    log.info("warehouse answered", extra={"warehouse": name, "book_id": book.pk, "in_stock": count})
    return count


def search(request):
    words = request.GET.get("q", "").strip()
    found = Book.objects.none()
    if words:
        found = Book.objects.select_related("author").filter(
            Q(title__icontains=words) | Q(author__name__icontains=words)
        )
        log.info("search answered", extra={"words": words, "found": len(found)})
    return render(request, "books/search.html", {"books": found, "words": words})
