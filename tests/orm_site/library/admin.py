"""A change list that shows a foreign key the careless way, and one that does it right."""

from django.contrib import admin

from library.models import Book, Review


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    list_display = ["title", "author_name"]

    @admin.display
    def author_name(self, book):
        return book.author.name


@admin.register(Review)
class ReviewAdmin(admin.ModelAdmin):
    list_display = ["stars", "book__title"]
    list_select_related = False
