"""Middlewares that do not let a request through as it came."""

from django.http import HttpResponse
from django.utils.deprecation import MiddlewareMixin


class AwkwardMiddleware(MiddlewareMixin):
    """Answers or raises itself where the path asks for it."""

    def process_request(self, request):
        """Return early, or raise."""
        if request.path == "/early":
            return HttpResponse("early")
        if request.path == "/middleware-raises":
            raise RuntimeError("raised in a middleware")
        return None


class SyncOnlyMiddleware:
    """Forces all that stands before it to be sync, in ASGI too."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        """Pass the request on."""
        return self.get_response(request)
