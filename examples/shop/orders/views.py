"""Buy, pay, look back: what a customer does at the till, and what the bookkeepers read."""

import csv
import logging
import time

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Count, F, Sum
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from books.models import Book
from orders.models import Customer, Order, OrderLine
from orders.postage import postage_to

log = logging.getLogger("shop.orders")


@login_required
def mine(request):
    orders = Order.objects.filter(customer__user=request.user).prefetch_related("lines__book")[:20]
    return render(request, "orders/mine.html", {"orders": orders})


@require_POST
@login_required
@transaction.atomic
def place(request):
    """Place an order. Nobody has thought of Antarctica: `country=AQ` raises, as real bugs do."""
    book = get_object_or_404(Book, pk=request.POST["book"])
    customer = get_object_or_404(Customer, user=request.user)
    country = request.POST.get("country") or customer.country
    # Debug lines cost a healthy request nothing on disk: they are written for the requests that fail.
    log.debug("checkout begun", extra={"book_id": book.pk, "in_stock": book.in_stock})
    order = Order.objects.create(customer=customer, country=country)
    log.debug("order made", extra={"order_id": order.pk, "customer_country": customer.country})
    OrderLine.objects.create(order=order, book=book, price=book.price)
    log.debug("asking for the postage", extra={"country": country})
    order.postage = postage_to(country)
    order.save(update_fields=["postage"])
    log.info(
        "order placed",
        extra={"order_id": order.pk, "book_id": book.pk, "country": country, "total": str(order.total)},
    )
    messages.success(request, f"Thank you! Order {order.pk} is on its way to {country}.")
    return redirect("orders")


def payment_returned(request):
    """Where a payment provider sends the customer back, with far too much in the query string."""
    accepted = request.GET.get("status") == "ok"
    log.log(
        logging.INFO if accepted else logging.WARNING,
        "payment accepted" if accepted else "payment declined",
        extra={"order_id": request.GET.get("order", ""), "provider_answer": request.GET.get("status", "")},
    )
    return render(request, "orders/payment.html", {"accepted": accepted})


@login_required
def export(request):
    """Every order as CSV, sent while it is being read: no list in memory."""
    rows = (
        OrderLine.objects.order_by("order__placed_at", "pk")
        .values_list("order_id", "order__placed_at", "order__country", "book__title", "quantity", "price")
        .iterator(chunk_size=200)
    )
    return StreamingHttpResponse(
        _csv_lines(rows),
        content_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="orders.csv"'},
    )


def _csv_lines(rows):
    writer = csv.writer(_Echo())
    yield writer.writerow(["order", "placed_at", "country", "title", "quantity", "price"])
    count = 0
    for row in rows:
        yield writer.writerow(row)
        count += 1
    log.info("orders exported", extra={"rows": count})


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text):
        return text


@login_required
def sales_report(request):
    """What sold best. It waits for the bookkeepers' system, which is slow."""
    started = time.monotonic()
    time.sleep(settings.BOOKKEEPING_SECONDS)
    log.info("bookkeeping answered", extra={"waited_seconds": round(time.monotonic() - started, 3)})
    best = (
        Book.objects.annotate(sold=Sum("lines__quantity"), revenue=Sum(F("lines__price") * F("lines__quantity")))
        .filter(sold__gt=0)
        .order_by("-revenue")[:10]
    )
    countries = Order.objects.values("country").annotate(orders=Count("pk")).order_by("-orders")
    return render(request, "orders/report.html", {"best": best, "countries": countries})
