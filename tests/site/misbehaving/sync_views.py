"""Views of the old kind, each awkward in its own way."""

import io
import logging
import os
import signal
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from django.contrib.auth import authenticate, login, logout
from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.views import View

from aura_logging import outgoing_headers, run_in_context

log = logging.getLogger("site.views")


def plain(request):
    """Touch neither the user nor the session."""
    log.info("in the view")
    return HttpResponse("plain")


class ClassBased(View):
    """A view that is a class."""

    def get(self, request, number):
        """Answer."""
        return HttpResponse(str(number))


def echo(request):
    """Log again and again who is being served, giving way to others in between."""
    expected = request.headers["X-Request-ID"]
    for _ in range(3):
        log.info("echo", extra={"expected": expected})
        time.sleep(0.001)
    return JsonResponse({"id": expected, "outgoing": outgoing_headers()["X-Request-ID"]})


def gone(request):
    """Raise Http404 itself."""
    raise Http404("gone")


def boom(request):
    """Fail."""
    raise ValueError("boom")


def abort(request):
    """End as when gunicorn shoots the worker."""
    raise SystemExit(1)


def slow(request):
    """Take a moment."""
    time.sleep(float(request.GET.get("seconds", "0.2")))
    return HttpResponse("slow")


def debugged(request):
    """Say in debug lines what it does, then end as it is told."""
    log.debug("looking", extra={"step": 1})
    run_in_context(log.debug)("looking elsewhere")
    end = request.GET.get("end")
    if end == "boom":
        raise ValueError("boom")
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return HttpResponse(status=int(end or 200))


def redirect(request):
    """Send elsewhere."""
    return HttpResponseRedirect("/plain")


def whoami(request):
    """Read the user."""
    return JsonResponse({"user": str(request.user)})


def sign_in(request):
    """Log in somebody who was anonymous a moment ago."""
    assert not request.user.is_authenticated
    login(request, authenticate(request, username="ada", password="ada"))
    return HttpResponse("hello")


def sign_out(request):
    """Log out."""
    logout(request)
    return HttpResponse("bye")


class TokenUser:
    """What a token scheme makes of its token: no model."""

    is_authenticated = True
    pk = "client-7"


def token(request):
    """Set the user as Django REST framework does, after somebody has looked at the session's."""
    assert not request.user.is_authenticated
    request.user = TokenUser()
    log.info("authenticated by token")
    return HttpResponse("token")


class BrokenUser:
    """A user class with a bug."""

    @property
    def is_authenticated(self):
        """Fail."""
        raise LookupError("no such tenant")


def broken_user(request):
    """Set a user that cannot be asked."""
    request.user = BrokenUser()
    log.info("still served")
    return HttpResponse("broken user")


def threads(request):
    """Work in a thread and in an executor, with and without the helper."""

    def work(where):
        log.info("working", extra={"where": where})

    thread = threading.Thread(target=run_in_context(work), args=("thread",))
    bare = threading.Thread(target=work, args=("bare thread",))
    for one in (thread, bare):
        one.start()
        one.join()
    with ThreadPoolExecutor(4) as executor:
        list(executor.map(run_in_context(work), [f"executor {n}" for n in range(8)]))
    return HttpResponse("threads")


def _parts(count):
    for number in range(count):
        log.info("streaming part", extra={"part": number})
        yield b"part"


def stream(request):
    """Stream four parts, and log in each."""
    return StreamingHttpResponse(_parts(4))


def stream_raises(request):
    """Fail in mid-stream."""

    def parts():
        yield b"first"
        raise OSError("the file went away")

    return StreamingHttpResponse(parts())


def stream_endless(request):
    """Stream until nobody listens."""

    def parts():
        try:
            while True:
                yield b"x" * 65_536
        finally:
            log.info("stream given up")

    return StreamingHttpResponse(parts())


def file(request):
    """Send a file from the disk."""
    body = tempfile.TemporaryFile()  # noqa: SIM115  # FileResponse closes it
    body.write(b"f" * 100_000)
    body.seek(0)
    return FileResponse(body)


def file_in_memory(request):
    """Send what looks like a file."""
    return FileResponse(io.BytesIO(b"m" * 1_000))


def hostile(request):
    """Log what a stranger wrote."""
    log.info("looked at %s", request.GET.get("q", ""))
    return HttpResponse("hostile")


def own_header(request):
    """Answer with a request id of its own."""
    response = HttpResponse("own")
    response["X-Request-ID"] = "of-the-view"
    return response
