"""The catalogue in the admin."""

from django.contrib import admin

from books.models import Author, Book, Publisher


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    list_display = ["title", "author", "publisher", "year", "price", "in_stock"]
    list_select_related = ["author", "publisher"]
    search_fields = ["title", "author__name"]


admin.site.register(Author)
admin.site.register(Publisher)
