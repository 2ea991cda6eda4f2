"""Views that look at patients."""

from django.contrib.auth import authenticate, login, logout
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse
from django.views.generic import DetailView, ListView, View

from aura_logging.django.audit import AuditedAccessMixin, audited_access
from clinic.models import Patient, Prescription


@audited_access(Patient, "pk", reason="treatment", subject="pk")
def chart(request, pk):
    if pk == 404:
        raise Http404
    if pk == 403:
        raise PermissionDenied
    return HttpResponse("chart")


@audited_access(Patient, "number")
def chart_by_place(request, number):
    return HttpResponse("chart")


@audited_access("clinic.Patient", "pk", action="export")
async def export(request, pk):
    return HttpResponse("export", status=403 if pk == 403 else 200)


@audited_access
def front_page(request):
    return HttpResponse("hello")


class PatientPage(AuditedAccessMixin, DetailView):
    model = Patient
    audit_subject = "name"

    def render_to_response(self, context, **kwargs):
        self.record_access(context)
        return HttpResponse("page")


class AsyncPatientPage(AuditedAccessMixin, View):
    model = Patient

    async def get(self, request, pk):
        raise PermissionDenied


class PatientList(AuditedAccessMixin, ListView):
    model = Patient
    template_name = "list.html"


def log_in(request):
    user = authenticate(request, username=request.POST["username"], password=request.POST["password"])
    if user is None:
        return HttpResponse("no", status=401)
    login(request, user)
    return HttpResponse("yes")


def log_out(request):
    logout(request)
    return HttpResponse("bye")


def rename(request, pk):
    """Ask who it is, as `login_required` does, and change a row."""
    assert request.user.is_authenticated
    patient = Patient.objects.get(pk=pk)
    patient.name = request.GET["name"]
    patient.save()
    return HttpResponse("renamed")


def rename_quietly(request, pk):
    """Ask nobody, and change a row."""
    Patient.objects.filter(pk=pk).update(name="nobody")
    return HttpResponse("renamed")


def look_and_fail(request, pk):
    """Read in a transaction that is rolled back."""
    try:
        with transaction.atomic():
            Prescription.objects.get(pk=pk)
            raise Http404
    except Http404:
        return HttpResponse("never mind")
