"""Make the permission to look at the dashboard; there is no table."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """See `aura_logging.django.dashboard.models`."""

    dependencies = [("aura", "0001_initial")]  # noqa: RUF012  # Django's own form

    operations = [  # noqa: RUF012  # as above
        migrations.CreateModel(
            name="Dashboard",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ],
            options={
                "verbose_name": "dashboard",
                "verbose_name_plural": "dashboard",
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
    ]
