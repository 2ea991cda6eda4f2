"""The till in the admin."""

from django.contrib import admin

from orders.models import Customer, Order, OrderLine


class OrderLineInline(admin.TabularInline):
    model = OrderLine
    extra = 0


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ["id", "customer", "country", "placed_at", "status"]
    list_filter = ["status", "country"]
    list_select_related = ["customer__user"]
    inlines = [OrderLineInline]


admin.site.register(Customer)
