"""What staff may edit."""

from django.contrib import admin

from clinic.models import Prescription

admin.site.register(Prescription)
