"""Where the pages are."""

from django.contrib import admin
from django.urls import path

from library import views

urlpatterns = [
    path("trivial/", views.trivial),
    path("careless/", views.careless),
    path("careful/", views.careful),
    path("page/", views.page),
    path("careless-template/", views.careless_template),
    path("careful-template/", views.careful_template),
    path("cached/", views.cached),
    path("books/<int:pk>/", views.book),
    path("failing/", views.failing),
    path("rendering-itself/", views.rendering_itself),
    path("streaming/", views.streaming),
    path("saving/", views.saving),
    path("careless-async/", views.careless_async),
    path("counted/<int:times>/", views.counted),
    path("threaded/", views.threaded),
    path("admin/", admin.site.urls),
]
