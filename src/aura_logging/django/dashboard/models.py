"""Declare the permission to look at the dashboard; there is no table."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

__all__ = ["Dashboard"]


class Dashboard(models.Model):
    """What `aura.view_dashboard` is a permission on: give it to staff in the admin. Holds nothing."""

    class Meta:  # noqa: D106  # what Django wants to know
        app_label = "aura"
        managed = False
        verbose_name = _("dashboard")
        verbose_name_plural = _("dashboard")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return "dashboard"
