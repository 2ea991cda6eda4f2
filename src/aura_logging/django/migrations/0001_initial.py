"""Make the audit trail's tables."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """The first state."""

    initial = True

    dependencies = []  # noqa: RUF012  # Django's own spelling

    operations = [  # noqa: RUF012  # as above
        migrations.CreateModel(
            name="AuditCheckpoint",
            fields=[
                (
                    "number",
                    models.BigIntegerField(editable=False, primary_key=True, serialize=False, verbose_name="number"),
                ),
                ("body", models.TextField(editable=False, verbose_name="checkpoint")),
            ],
            options={
                "verbose_name": "audit checkpoint",
                "verbose_name_plural": "audit checkpoints",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                (
                    "writer",
                    models.CharField(
                        editable=False, max_length=100, primary_key=True, serialize=False, verbose_name="writer"
                    ),
                ),
                ("seq", models.BigIntegerField(editable=False, verbose_name="number")),
                ("mac", models.BinaryField(max_length=32, verbose_name="code")),
                ("key_id", models.CharField(editable=False, max_length=64, verbose_name="key")),
                ("signature", models.BinaryField(max_length=32, verbose_name="signature")),
            ],
            options={
                "verbose_name": "end of an audit chain",
                "verbose_name_plural": "ends of audit chains",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AuditHold",
            fields=[
                (
                    "name",
                    models.CharField(
                        editable=False, max_length=200, primary_key=True, serialize=False, verbose_name="name"
                    ),
                ),
                ("body", models.TextField(editable=False, verbose_name="hold")),
            ],
            options={
                "verbose_name": "legal hold",
                "verbose_name_plural": "legal holds",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AuditSubjectKey",
            fields=[
                (
                    "subject",
                    models.CharField(
                        editable=False, max_length=255, primary_key=True, serialize=False, verbose_name="subject"
                    ),
                ),
                ("key", models.BinaryField(verbose_name="key")),
            ],
            options={
                "verbose_name": "subject's key",
                "verbose_name_plural": "subjects' keys",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("timestamp", models.DateTimeField(editable=False, verbose_name="time")),
                ("event_class", models.CharField(editable=False, max_length=16, verbose_name="class")),
                ("actor_kind", models.CharField(editable=False, max_length=16, verbose_name="kind of actor")),
                ("actor", models.CharField(blank=True, editable=False, max_length=150, verbose_name="actor")),
                (
                    "actor_label",
                    models.CharField(blank=True, editable=False, max_length=150, verbose_name="actor's name"),
                ),
                ("action", models.CharField(editable=False, max_length=100, verbose_name="action")),
                (
                    "object_type",
                    models.CharField(blank=True, editable=False, max_length=150, verbose_name="object's type"),
                ),
                ("object_id", models.CharField(blank=True, editable=False, max_length=255, verbose_name="object's id")),
                (
                    "object_label",
                    models.CharField(blank=True, editable=False, max_length=200, verbose_name="object's name"),
                ),
                ("changes", models.JSONField(blank=True, default=dict, editable=False, verbose_name="changes")),
                ("outcome", models.CharField(editable=False, max_length=50, verbose_name="outcome")),
                (
                    "client_ip",
                    models.CharField(blank=True, editable=False, max_length=45, verbose_name="client address"),
                ),
                (
                    "correlation_id",
                    models.CharField(blank=True, editable=False, max_length=128, verbose_name="correlation id"),
                ),
                ("reason", models.TextField(blank=True, editable=False, verbose_name="reason")),
                ("subject", models.CharField(blank=True, editable=False, max_length=255, verbose_name="subject")),
                ("event", models.BinaryField(verbose_name="signed event")),
                ("writer", models.CharField(editable=False, max_length=100, verbose_name="writer")),
                ("seq", models.BigIntegerField(editable=False, verbose_name="number")),
                ("previous", models.BinaryField(max_length=32, verbose_name="code of the entry before")),
                ("mac", models.BinaryField(max_length=32, verbose_name="code")),
                ("key_id", models.CharField(editable=False, max_length=64, verbose_name="key")),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit entries",
                "get_latest_by": "timestamp",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["timestamp"], name="aura_audit_time"),
                    models.Index(fields=["object_type", "object_id"], name="aura_audit_object"),
                    models.Index(fields=["actor"], name="aura_audit_actor"),
                    models.Index(fields=["correlation_id"], name="aura_audit_correlation"),
                    models.Index(fields=["subject"], name="aura_audit_subject"),
                ],
                "constraints": [models.UniqueConstraint(fields=("writer", "seq"), name="aura_audit_place_in_chain")],
            },
        ),
        migrations.CreateModel(
            name="AuditTombstone",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("writer", models.CharField(editable=False, max_length=100, verbose_name="writer")),
                ("first", models.BigIntegerField(editable=False, verbose_name="first number")),
                ("last", models.BigIntegerField(editable=False, verbose_name="last number")),
                ("body", models.TextField(editable=False, verbose_name="tombstone")),
            ],
            options={
                "verbose_name": "audit tombstone",
                "verbose_name_plural": "audit tombstones",
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("writer", "first"), name="aura_audit_tombstone_place")],
            },
        ),
    ]
