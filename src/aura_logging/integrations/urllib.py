"""Count and time what `urllib.request` opens, through handlers that take the place of its own."""

from __future__ import annotations

from http.client import HTTPResponse
from typing import Any
from urllib.request import HTTPHandler, HTTPSHandler, Request, build_opener, install_opener

from aura_logging.performance.outgoing import TimedCall, host_of, observed_by

__all__ = ["CountedHTTPHandler", "CountedHTTPSHandler", "observe"]


def observe() -> None:
    """Count what `urlopen` opens, from now on and in the whole process, in the record of the work that opens it.

    It installs an opener, as `urllib.request.install_opener` does; a project with an opener of its own gives the two
    handlers to `build_opener` instead, which leaves out the standard ones for them. From the start of a call to the
    head of its answer; redirects and failures count.
    """
    install_opener(build_opener(CountedHTTPHandler(), CountedHTTPSHandler()))


class CountedHTTPHandler(HTTPHandler):
    """`HTTPHandler`, counted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        observed_by("urllib")

    def http_open(self, req: Request) -> HTTPResponse:
        """Open it."""
        with TimedCall(host_of(req.full_url)) as call:
            response = super().http_open(req)
            call.status = response.status
        return response


class CountedHTTPSHandler(HTTPSHandler):
    """`HTTPSHandler`, counted; takes its arguments (`context`, `check_hostname`)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        observed_by("urllib")

    def https_open(self, req: Request) -> HTTPResponse:
        """Open it."""
        with TimedCall(host_of(req.full_url)) as call:
            response = super().https_open(req)
            call.status = response.status
        return response
