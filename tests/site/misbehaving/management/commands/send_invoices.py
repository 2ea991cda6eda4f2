"""A command that logs and calls another service."""

import json
import logging

from django.core.management.base import BaseCommand

from aura_logging import bound, outgoing_headers
from aura_logging.propagation import unit_of_work

log = logging.getLogger("site.command")


class Command(BaseCommand):
    """Work under ids of its own, in both ways there are."""

    def handle(self, *args, **options):
        """Print the headers that a request to another service would have."""
        with unit_of_work(command="send_invoices"):
            log.info("sending invoices")
            with_trace = outgoing_headers()
        with bound(correlation_id="job-7"):
            log.info("sending reminders")
            with_id = outgoing_headers()
        log.info("done")
        self.stdout.write(json.dumps([with_trace, with_id, outgoing_headers()]))
