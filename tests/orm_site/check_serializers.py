"""What serializers load row by row is mended as the hints say."""

from __future__ import annotations

from django.core.serializers import serialize
from library.models import Author, Book, Country, Review
from obedience import books, follow

from aura_logging.performance.hints import hints, predicted_queries


def test_django_s_own_serializer_is_mended_by_a_plain_prefetch(observe):
    def load(rows):
        return serialize("json", rows, fields=("title", "genres"))

    careless = observe(lambda: load(books()))
    mended = observe(lambda: load(follow(hints(careless), books())))

    assert mended.count == predicted_queries(careless, hints(careless)) == 2


def test_nested_serializers_are_mended_as_the_hints_say(observe):
    from rest_framework import serializers

    class CountrySerializer(serializers.ModelSerializer):
        class Meta:
            model = Country
            fields = ("name",)

    class AuthorSerializer(serializers.ModelSerializer):
        country = CountrySerializer()

        class Meta:
            model = Author
            fields = ("name", "country")

    class ReviewSerializer(serializers.ModelSerializer):
        class Meta:
            model = Review
            fields = ("stars",)

    class BookSerializer(serializers.ModelSerializer):
        author = AuthorSerializer()
        reviews = ReviewSerializer(source="review_set", many=True)

        class Meta:
            model = Book
            fields = ("title", "author", "reviews", "genres")

    def load(rows):
        return BookSerializer(rows, many=True).data

    careless = observe(lambda: load(books()))
    mended = observe(lambda: load(follow(hints(careless), books())))

    assert {str(finding.subject) for finding in careless.n_plus_one} == {
        "Book.author", "Author.country", "Book.review_set", "Book.genres",
    }  # fmt: skip
    assert mended.count == predicted_queries(careless, hints(careless)) == 3
