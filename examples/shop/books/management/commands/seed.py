"""Fill an empty shop, always with the same things."""

import logging
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.db import transaction

from books.models import Author, Book, Publisher
from orders.models import Customer, Order, OrderLine

log = logging.getLogger("shop.seed")

PASSWORD = "correct horse"  # everybody's, so that you can be anybody
STAFF = "grace"
CUSTOMERS = {
    "ada": "GB", "alan": "GB", "barbara": "US", "dennis": "US", "edsger": "NL", "emmy": "DE",
    "grace": "US", "katherine": "US", "konrad": "DE", "linus": "FI", "niklaus": "CH", "radia": "US",
}  # fmt: skip

PUBLISHERS = [
    ("Harbour Press", "Lisbon"),
    ("Lantern & Sons", "Edinburgh"),
    ("North Window", "Oslo"),
    ("Paper Boat", "Trieste"),
    ("The Green Room", "Dublin"),
]

BOOKS = {
    "Jane Austen": [("Emma", 1815), ("Persuasion", 1817), ("Pride and Prejudice", 1813)],
    "Charlotte Brontë": [("Jane Eyre", 1847), ("Villette", 1853)],
    "Emily Brontë": [("Wuthering Heights", 1847)],
    "Miguel de Cervantes": [("Don Quixote", 1605)],
    "Anton Chekhov": [("The Cherry Orchard", 1904), ("Uncle Vanya", 1898)],
    "Kate Chopin": [("The Awakening", 1899)],
    "Joseph Conrad": [("Heart of Darkness", 1899), ("Lord Jim", 1900)],
    "Charles Dickens": [("Bleak House", 1853), ("Great Expectations", 1861), ("Hard Times", 1854)],
    "Fyodor Dostoevsky": [("Crime and Punishment", 1866), ("The Idiot", 1869)],
    "George Eliot": [("Middlemarch", 1871), ("Silas Marner", 1861)],
    "Gustave Flaubert": [("Madame Bovary", 1857)],
    "Nikolai Gogol": [("Dead Souls", 1842)],
    "Knut Hamsun": [("Hunger", 1890)],
    "Victor Hugo": [("Les Misérables", 1862)],
    "Henry James": [("The Ambassadors", 1903), ("The Turn of the Screw", 1898)],
    "Herman Melville": [("Bartleby, the Scrivener", 1853), ("Moby-Dick", 1851)],
    "Natsume Sōseki": [("Botchan", 1906), ("Kokoro", 1914)],
    "Mary Shelley": [("Frankenstein", 1818)],
    "Robert Louis Stevenson": [("Kidnapped", 1886), ("Treasure Island", 1883)],
    "Leo Tolstoy": [("Anna Karenina", 1878), ("War and Peace", 1869)],
    "Jules Verne": [("Around the World in Eighty Days", 1872), ("Journey to the Centre of the Earth", 1864)],
    "Edith Wharton": [("Ethan Frome", 1911), ("The Age of Innocence", 1920), ("The House of Mirth", 1905)],
    "Oscar Wilde": [("The Picture of Dorian Gray", 1890)],
    "Émile Zola": [("Germinal", 1885), ("Nana", 1880)],
}


class Command(BaseCommand):
    help = "Fill an empty shop with books, customers and a year of orders; a filled one is left as it is."

    @transaction.atomic
    def handle(self, *args, **options):
        if Book.objects.exists():
            self.stdout.write("the shop is filled already")
            return
        dice = random.Random(1815)  # the same shop every time
        books = self._stock_shelves(dice)
        customers = self._open_accounts()
        orders = self._sell_for_a_year(dice, books, customers)
        log.info("shop seeded", extra={"books": len(books), "customers": len(customers), "orders": orders})
        self.stdout.write(f"{len(books)} books, {len(customers)} customers, {orders} orders")

    def _stock_shelves(self, dice):
        publishers = Publisher.objects.bulk_create(Publisher(name=name, city=city) for name, city in PUBLISHERS)
        authors = Author.objects.bulk_create(Author(name=name) for name in BOOKS)
        return Book.objects.bulk_create(
            Book(
                title=title,
                author=author,
                publisher=dice.choice(publishers),
                year=year,
                price=Decimal(dice.randrange(7, 25)) + Decimal("0.90"),
                in_stock=dice.randrange(0, 40),
            )
            for author in authors
            for title, year in BOOKS[author.name]
        )

    def _open_accounts(self):
        password = make_password(PASSWORD)  # hashed once: hashing is slow on purpose
        users = User.objects.bulk_create(
            User(
                username=name,
                first_name=name.title(),
                email=f"{name}@shop.example",
                password=password,
                is_staff=name == STAFF,
                is_superuser=name == STAFF,
            )
            for name in CUSTOMERS
        )
        return Customer.objects.bulk_create(Customer(user=user, country=CUSTOMERS[user.username]) for user in users)

    def _sell_for_a_year(self, dice, books, customers):
        first_day = datetime(2025, 1, 1, 9, tzinfo=UTC)
        orders = Order.objects.bulk_create(
            Order(
                customer=(customer := dice.choice(customers)),
                country=customer.country,
                placed_at=first_day + timedelta(minutes=dice.randrange(365 * 24 * 60)),
            )
            for _ in range(400)
        )
        OrderLine.objects.bulk_create(
            OrderLine(order=order, book=book, quantity=dice.choice([1, 1, 1, 2]), price=book.price)
            for order in orders
            for book in dice.sample(books, dice.choice([1, 1, 2, 3]))
        )
        return len(orders)
