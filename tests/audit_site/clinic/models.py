"""Models of every kind that tracking has to get right."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models

from aura_logging.django.audit import track


class Ward(models.Model):
    """Not tracked."""

    name = models.CharField(max_length=80)


class Tag(models.Model):
    name = models.CharField(max_length=80)


@track(exclude=["seen"], mask=["insurance_number"], label="name", subject="name")
class Patient(models.Model):
    name = models.CharField(max_length=80)
    insurance_number = models.CharField(max_length=40, blank=True)
    ward = models.ForeignKey(Ward, null=True, on_delete=models.SET_NULL)
    debt = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    visits = models.IntegerField(default=0)
    born = models.DateTimeField(null=True)
    chart = models.JSONField(default=dict)
    picture = models.FileField(null=True, upload_to="pictures")
    tags = models.ManyToManyField(Tag, related_name="patients")
    relatives = models.ManyToManyField("self")
    doctors = models.ManyToManyField("Doctor", through="Treatment", related_name="patients")
    seen = models.DateTimeField(auto_now=True)


class LoudPatient(Patient):
    class Meta:
        proxy = True


@track(exclude=["seen"])
class InPatient(Patient):
    bed = models.CharField(max_length=10)


class Doctor(models.Model):
    name = models.CharField(max_length=80)


class Treatment(models.Model):
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE)
    doctor = models.ForeignKey(Doctor, on_delete=models.CASCADE)
    since = models.CharField(max_length=20, default="today")


@track(soft_delete="not is_active")
class Record(models.Model):
    """Abstract: what inherits from it is tracked."""

    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    text = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        abstract = True


class Letter(Record):
    patient = models.ForeignKey(Patient, null=True, on_delete=models.CASCADE)


class Note(Record):
    class Meta(Record.Meta):
        abstract = False


class Prescription(models.Model):
    """Tracked, reads too, by the settings."""

    drug = models.CharField(max_length=80)


class Dose(models.Model):
    """Tracked with the values of bulk writes, by the settings."""

    amount = models.IntegerField()


class Account(AbstractUser):
    """A user model of the project's own."""
