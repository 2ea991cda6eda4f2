"""Who buys what."""

from decimal import Decimal

from aura_logging.django.audit import track
from django.conf import settings
from django.db import models
from django.utils import timezone

from books.models import Book


class Customer(models.Model):
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    country = models.CharField(max_length=2)

    def __str__(self):
        return f"{self.user.get_username()} ({self.country})"


@track
class Order(models.Model):
    class Status(models.TextChoices):
        PLACED = "placed"
        PAID = "paid"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="orders")
    country = models.CharField(max_length=2)
    placed_at = models.DateTimeField(default=timezone.now)
    postage = models.DecimalField(max_digits=6, decimal_places=2, default=Decimal(0))
    status = models.CharField(max_length=8, choices=Status, default=Status.PLACED)

    class Meta:
        ordering = ["-placed_at"]

    def __str__(self):
        return f"order {self.pk}"

    @property
    def total(self):
        return sum((line.price * line.quantity for line in self.lines.all()), self.postage)


class OrderLine(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="lines")
    quantity = models.PositiveSmallIntegerField(default=1)
    price = models.DecimalField(max_digits=6, decimal_places=2)

    def __str__(self):
        return f"{self.quantity} of {self.book_id}"
