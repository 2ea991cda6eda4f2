"""The project's app: it listens to the end of requests and logs then."""

import logging

from django.apps import AppConfig
from django.core.signals import request_finished, request_started

log = logging.getLogger("site.signals")


def log_start(**_):
    """Log before any middleware has seen the request."""
    log.info("request started")


def log_end(**_):
    """Log when all is over."""
    log.info("request finished signal")


class MisbehavingConfig(AppConfig):
    """Connects its receivers after the package's own."""

    name = "misbehaving"

    def ready(self):
        """Listen."""
        request_started.connect(log_start)
        request_finished.connect(log_end)
