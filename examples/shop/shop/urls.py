"""Every address of the shop on one page."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.contrib.staticfiles.views import serve as serve_static
from django.urls import include, path

from books import views as books
from orders import views as orders

urlpatterns = [
    path("", books.home, name="home"),
    path("books/", books.shelf, name="shelf"),
    path("books/careless/", books.careless_shelf, name="careless-shelf"),
    path("books/<int:pk>/", books.detail, name="book"),
    path("books/<int:pk>/stock/", books.stock, name="stock"),
    path("search/", books.search, name="search"),
    path("orders/", orders.mine, name="orders"),
    path("orders/place/", orders.place, name="place-order"),
    path("orders/export.csv", orders.export, name="export-orders"),
    path("orders/report/", orders.sales_report, name="sales-report"),
    path("pay/return/", orders.payment_returned, name="payment-returned"),
    path("login/", auth.LoginView.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("aura/", include("aura_logging.django.urls")),
    # A real site lets its web server or WhiteNoise do this; here there is neither.
    path("static/<path:path>", serve_static, {"insecure": True}),
]
