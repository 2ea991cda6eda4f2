"""Pages that ask the database well and badly."""

import asyncio

from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render

from library.models import Author, Book


def trivial(request):
    return HttpResponse("ok")


def careless(request):
    return HttpResponse("\n".join(f"{book.title} by {book.author.name}" for book in Book.objects.all()))


def careful(request):
    return HttpResponse("\n".join(book.byline for book in Book.objects.select_related("author")))


def page(request):
    books = Paginator(Book.objects.select_related("author").order_by("pk"), 2).page(1)
    return HttpResponse("\n".join(book.byline for book in books))


def careless_template(request):
    return render(request, "library/books.html", {"books": Book.objects.order_by("pk")})


def careful_template(request):
    books = Book.objects.order_by("pk").select_related("author").prefetch_related("genres")
    return render(request, "library/books.html", {"books": books})


def cached(request):
    return HttpResponse(cache.get_or_set("page:1", lambda: "made"))


def book(request, pk):
    return HttpResponse(get_object_or_404(Book, pk=pk).byline)


class RendersItself(HttpResponse):
    """All that Django asks of a response before it renders it."""

    def render(self):
        self.content = b"rendered"
        return self


def rendering_itself(request):
    return RendersItself()


def failing(request):
    list(Book.objects.all())
    raise RuntimeError("on purpose")


def streaming(request):
    return StreamingHttpResponse(f"{book.title}\n" for book in Book.objects.all())


@transaction.atomic
def saving(request):
    with transaction.atomic():
        Book.objects.update(price=12)
    return HttpResponse("ok")


async def careless_async(request):
    names = []
    async for book in Book.objects.all():
        author = await Author.objects.aget(pk=book.author_id)
        names.append(author.name)
    return HttpResponse("\n".join(names))


async def counted(request, times):
    """Ask as often as told, giving way to the others in between."""
    for _ in range(times):
        await asyncio.sleep(0)
        await Book.objects.acount()
        await Author.objects.acreate(name="new", country_id=1)
    return JsonResponse({"times": times})


async def threaded(request):
    return HttpResponse(await sync_to_async(_titles)())


def _titles():
    return "\n".join(book.byline for book in Book.objects.all())
