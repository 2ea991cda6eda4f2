"""Show the audit trail in the admin: to look at, for nobody to change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from aura_logging.audit.events import EVENT_CLASSES
from aura_logging.django.audit_check import what_is_wrong, what_is_wrong_around
from aura_logging.django.audit_names import user_names
from aura_logging.django.audit_options import DjangoAuditOptions
from aura_logging.django.audit_telling import tell
from aura_logging.django.conf import options
from aura_logging.django.models import AuditEntry
from aura_logging.django.tracking import registry

__all__ = ["AuditEntryAdmin"]

_NAMES = "_aura_user_names"
_LONGEST_VALUE = 2_000
_LONGEST_SUMMARY = 80
_OUTCOMES = ("success", "failure", "denied", "not_found")


class _Closed(admin.SimpleListFilter):
    """Filters by what may stand in a column, without asking a long table what does."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(each, each) for each in self.values()]

    def values(self) -> Sequence[str]:
        """Return what may stand there."""
        return ()

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset if self.value() is None else queryset.filter(**{str(self.parameter_name): self.value()})


class _ByClass(_Closed):
    title = _("class")
    parameter_name = "event_class"

    def values(self) -> Sequence[str]:
        return EVENT_CLASSES


class _ByOutcome(_Closed):
    title = _("outcome")
    parameter_name = "outcome"

    def values(self) -> Sequence[str]:
        return _OUTCOMES


class _ByType(_Closed):
    title = _("object's type")
    parameter_name = "object_type"

    def values(self) -> Sequence[str]:
        return sorted({watched.object_type for watched in registry.watched().values()})


class _ChangeList(ChangeList):
    """Finds the names of a page's users in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        page: list[AuditEntry] = list(self.result_list)
        names = user_names({each.actor for each in page if each.actor_kind == "user" and not each.actor_label})
        for entry in page:
            entry.__dict__[_NAMES] = names
        self.result_list = page


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    """Read-only for everybody, superusers too. Who looks at the trail is in the trail.

    The badge checks an entry's signature, and on its own page its neighbours'; only `aura_audit verify` checks all.
    """

    list_display = ("timestamp", "who", "action", "what", "summary", "outcome", "client_ip", "badge")
    list_display_links = ("timestamp",)
    list_filter = (_ByClass, _ByType, _ByOutcome)
    search_fields = ("actor__exact", "object_id__exact", "correlation_id__exact", "subject__exact")
    search_help_text = _("An actor's id, an object's id, a correlation id, or a subject; written exactly so.")
    ordering = ("-timestamp", "-pk")
    show_full_result_count = False
    list_per_page = 50
    actions = None
    fields = (
        "verification", "timestamp", "who", "action", "what", "difference", "outcome", "reason", "subject", "client_ip",
        "correlation_id", "event_class", "others", "place",
    )  # fmt: skip
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: entries are recorded."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: `aura_audit purge` removes what is due."""
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that knows users' names."""
        return _ChangeList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list, and record that it was looked at."""
        tell("read_list", "access", object_type=AuditEntry._meta.label, extra={"query": dict(request.GET.lists())})
        return super().changelist_view(request, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show an entry, and record that it was looked at."""
        tell("read", "access", object_type=AuditEntry._meta.label, object_id=object_id)
        return super().change_view(request, object_id, form_url, extra_context)

    @admin.display(description=_("who"))
    def who(self, entry: AuditEntry) -> str:
        """Name the actor."""
        name = entry.actor_label
        if not name and entry.actor_kind == "user":
            names: dict[str, str] | None = entry.__dict__.get(_NAMES)
            name = (user_names([entry.actor]) if names is None else names).get(entry.actor, "")
        return " ".join(filter(None, (entry.actor_kind, entry.actor, f"({name})" if name else "")))

    @admin.display(description=_("object"))
    def what(self, entry: AuditEntry) -> str | SafeString:
        """Name the object, with a link where the admin has a page for it."""
        name = " ".join(filter(None, (entry.object_type, entry.object_id)))
        text = f"{name} ({entry.object_label})" if entry.object_label else name
        url = _page_of(entry)
        return format_html('<a href="{}">{}</a>', url, text) if url else text or "-"

    @admin.display(description=_("changes"))
    def summary(self, entry: AuditEntry) -> str:
        """Name the fields that changed."""
        text = ", ".join(entry.changes) if isinstance(entry.changes, dict) else "?"
        return text if len(text) <= _LONGEST_SUMMARY else text[: _LONGEST_SUMMARY - 1] + "…"

    @admin.display(description=_("signature"))
    def badge(self, entry: AuditEntry) -> SafeString:
        """Tell whether the entry is what was signed."""
        return _badge(what_is_wrong(entry, options(DjangoAuditOptions).key_ring()))

    @admin.display(description=_("verification"))
    def verification(self, entry: AuditEntry) -> SafeString:
        """Tell whether the entry is what was signed, and stands between those it was written between."""
        return _badge(what_is_wrong_around(entry, options(DjangoAuditOptions).key_ring()))

    @admin.display(description=_("changes"))
    def difference(self, entry: AuditEntry) -> str | SafeString:
        """Show before and after, field by field."""
        if not entry.changes:
            return "-"
        rows = format_html_join(
            "",
            "<tr><th>{}</th><td><del>{}</del></td><td><ins>{}</ins></td></tr>",
            ((name, _shown(old), _shown(new)) for name, (old, new) in _pairs(entry.changes)),
        )
        return format_html(
            "<table><thead><tr><th>{}</th><th>{}</th><th>{}</th></tr></thead><tbody>{}</tbody></table>",
            _("field"), _("before"), _("after"), rows,
        )  # fmt: skip

    @admin.display(description=_("further"))
    def others(self, entry: AuditEntry) -> SafeString:
        """Show what else was recorded."""
        try:
            extra: Any = dict(entry.extra)
        except ValueError:
            extra = "damaged"
        return format_html("<pre>{}</pre>", _shown(extra))

    @admin.display(description=_("place in the chain"))
    def place(self, entry: AuditEntry) -> SafeString:
        """Show number, writer, key and code."""
        return format_html(
            "{} · {} · {}<br><code>{}</code>", entry.seq, entry.writer, entry.key_id, bytes(entry.mac).hex()
        )


def _badge(wrong: str) -> SafeString:
    if wrong:
        return format_html('<strong style="color:#ba2121">✗ {}</strong>', wrong)
    return format_html('<span style="color:#207227">✓ {}</span>', _("as signed"))


def _pairs(changes: Any) -> list[tuple[str, tuple[Any, Any]]]:
    """Return the changes as far as they are well formed: the column may have been edited."""
    items = changes.items() if isinstance(changes, dict) else ()
    return [(name, (pair[0], pair[1])) for name, pair in items if isinstance(pair, list) and len(pair) > 1]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}… ({len(text):,} characters)"


def _page_of(entry: AuditEntry) -> str:
    if not entry.object_id or "." not in entry.object_type:
        return ""
    try:
        meta = apps.get_model(entry.object_type)._meta
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[entry.object_id])
    except (LookupError, ValueError, NoReverseMatch):
        return ""
