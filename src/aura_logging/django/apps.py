"""Start the Django side: check the settings, connect the receivers."""

from __future__ import annotations

from django.apps import AppConfig

from aura_logging.django.conf import check_all, options
from aura_logging.performance.probe import PerformanceOptions

__all__ = ["AuraConfig"]


class AuraConfig(AppConfig):
    """`"aura_logging.django"` in `INSTALLED_APPS`; label `aura`. Starts no thread: a preloading master forks later."""

    name = "aura_logging.django"
    label = "aura"
    verbose_name = "Aura logging"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Raise `ImproperlyConfigured` for a bad setting; then listen."""
        # They declare their options.
        from aura_logging.django import (  # noqa: F401
            audit_options,
            audit_start,
            checks,
            dashboard,
            fast_lane,
            instrumentation,
            metrics_store,
            middleware,
            privacy,
            receivers,
            sampling,
            security,
            tasks,
        )

        check_all()
        privacy.apply()
        sampling.apply()
        fast_lane.apply()
        metrics_store.apply()
        receivers.connect()
        security.connect()
        checks.connect()
        if options(PerformanceOptions).enabled:
            instrumentation.install()
        tasks.observe()
        audit_start.start()
        if audit_start.is_on():
            from aura_logging.django.dashboard.audit import show_audit
            from aura_logging.django.dashboard.newest_entries import newest_entries

            show_audit(newest_entries)
