"""Count and time the calls of a `requests` session, through the transport adapters it mounts."""

from __future__ import annotations

from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter

from aura_logging.performance.outgoing import TimedCall, host_of, observed_by

__all__ = ["observe"]


def observe(session: Session) -> Session:
    """Count the session's calls in the record of the request or task that makes them; return the session.

        session = observe(requests.Session())

    Each attempt that goes out counts, redirects and failures included, from its start to the head of its answer (to
    its whole body unless `stream=True`). Adapters mounted later are not observed; observing twice is harmless.
    `requests.get` and its kind make a session of their own, which nothing can hook into.
    """
    observed_by("requests")
    for prefix, adapter in list(session.adapters.items()):
        if not isinstance(adapter, _Counted):
            session.mount(prefix, _Counted(adapter))
    return session


class _Counted(BaseAdapter):
    """Another adapter, counted."""

    def __init__(self, adapter: BaseAdapter) -> None:
        super().__init__()
        self._adapter = adapter

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        with TimedCall(host_of(request.url or "")) as call:
            response = self._adapter.send(request, *args, **kwargs)
            call.status = response.status_code
        return response

    def close(self) -> None:
        self._adapter.close()

    def __getattr__(self, name: str) -> Any:
        # What people tune on an adapter (`max_retries`, `poolmanager`) is still found where they mounted it.
        if name == "_adapter":  # a copy under construction
            raise AttributeError(name)
        return getattr(self._adapter, name)
