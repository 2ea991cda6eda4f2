"""For uvicorn; it logs outside of requests in the task of each."""

import logging
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "misbehaving.settings")
django_application = get_asgi_application()
log = logging.getLogger("site.outside")


async def application(scope, receive, send):
    """Serve one request."""
    log.info("before the request")
    await django_application(scope, receive, send)
    log.info("after the request")
