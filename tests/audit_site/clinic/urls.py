"""The pages of the clinic."""

from django.contrib import admin
from django.urls import path, re_path

from clinic import views

urlpatterns = [
    path("chart/<int:pk>/", views.chart),
    re_path(r"^old-chart/(\d+)/$", views.chart_by_place),
    path("async-patients/<int:pk>/", views.AsyncPatientPage.as_view()),
    path("export/<int:pk>/", views.export),
    path("", views.front_page),
    path("patients/<int:pk>/", views.PatientPage.as_view()),
    path("patients/", views.PatientList.as_view()),
    path("in/", views.log_in),
    path("out/", views.log_out),
    path("rename/<int:pk>/", views.rename),
    path("rename-quietly/<int:pk>/", views.rename_quietly),
    path("look-and-fail/<int:pk>/", views.look_and_fail),
    path("admin/", admin.site.urls),
]
