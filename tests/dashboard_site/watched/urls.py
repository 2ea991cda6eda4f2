"""What the site serves."""

from django.contrib import admin
from django.contrib.staticfiles.views import serve
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("aura/", include("aura_logging.django.urls")),
    path("static/<path:path>", serve, {"insecure": True}),
]
