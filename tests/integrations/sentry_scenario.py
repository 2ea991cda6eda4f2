"""Run by test_sentry.py in a process of its own: a small Django site that tells Sentry things it must not hear."""

from __future__ import annotations

import logging
import sys

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.urls import path

CARD = "4111 1111 1111 1111"
MAIL = "canary@example.com"
SECRET = "canary-hunter2"

log = logging.getLogger("shop")


def pay(request):  # type: ignore[no-untyped-def]
    local_card = CARD  # noqa: F841  # a stack local
    password = SECRET  # noqa: F841
    form = {"card": request.POST.get("card"), "token": SECRET}  # noqa: F841
    log.warning("paying with %s for %s", CARD, MAIL, extra={"password": SECRET, "nested": {"deep": [CARD]}})
    raise RuntimeError("no money on " + CARD)


def fine(request):  # type: ignore[no-untyped-def]
    import sentry_sdk

    with sentry_sdk.start_span(op="db", name=f"SELECT * FROM card WHERE number = '{CARD}'") as span:
        span.set_data("params", [MAIL])
        span.set_data("password", SECRET)
    return HttpResponse("fine")


urlpatterns = [path("pay/", pay), path("fine/", fine)]


def call(application, method: str, url: str, body: bytes = b"") -> None:  # type: ignore[no-untyped-def]
    from io import BytesIO

    where, _, query = url.partition("?")
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": where, "QUERY_STRING": query, "SERVER_NAME": "testserver",
        "SERVER_PORT": "80", "wsgi.input": BytesIO(body), "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr,
        "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "HTTP_AUTHORIZATION": f"Bearer {SECRET}", "HTTP_COOKIE": f"sessionid={SECRET}", "HTTP_X_NOTE": f"from {MAIL}",
        "HTTP_REFERER": "https://shop.example/?mail=canary%40example.com",
    }  # fmt: skip
    response = application(environ, lambda *args: None)
    b"".join(response)
    response.close()


def main() -> None:
    settings.configure(
        DEBUG=False, SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, LOGGING_CONFIG=None,
        MIDDLEWARE=[], INSTALLED_APPS=[], DATABASES={},
    )  # fmt: skip
    django.setup()
    import sentry_sdk

    from aura_logging import bind
    from aura_logging.filters.security import SecurityFilter
    from aura_logging.integrations import sentry

    started = sentry.init_from_env(
        pseudonym_key="key",
        send_default_pii=True,
        enable_logs=True,
        default_integrations=True,
        max_request_body_size="always",
    )
    assert started
    handler = logging.StreamHandler()
    handler.addFilter(SecurityFilter())
    logging.getLogger().addHandler(handler)

    application = WSGIHandler()
    bind(correlation_id="request-7")
    sentry_sdk.set_user({"id": "jane-canary-id", "email": MAIL, "ip_address": "192.0.2.77", "plan": "gold"})
    sentry_sdk.add_breadcrumb(category="auth", message=f"login {MAIL}", data={"password": SECRET})
    call(
        application,
        "POST",
        "/pay/?mail=canary%40example.com&password=canary-hunter2",
        b"card=4111+1111+1111+1111&password=canary-hunter2",
    )
    call(application, "GET", "/fine/?card=4111111111111111")
    try:
        raise ValueError("bad card " + CARD)
    except ValueError as error:
        log.exception("caught")
        sentry_sdk.capture_exception(error)
    sentry_sdk.capture_message(f"note about {MAIL}")
    sentry_sdk.logger.info("sentry log {card}", card=CARD, attributes={"password": SECRET})
    sentry_sdk.metrics.count("paid", 1, attributes={"mail": MAIL})
    sentry_sdk.flush(10)


if __name__ == "__main__":
    main()
