"""A very small browser: keeps cookies, fills in forms, remembers what the server answered."""

import http.client
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    status: int
    correlation_id: str
    size_bytes: int
    seconds: float
    problem: str = ""  # why there is no answer, where there is none


class Browser:
    """One visitor. Follows no redirect, so that every request is one that we asked for."""

    def __init__(self, url: str, user_agent: str):
        self._address = urlsplit(url).netloc
        self._user_agent = user_agent
        self._cookies: dict[str, str] = {}

    def forget(self) -> None:
        self._cookies.clear()

    def request(self, path: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> Answer:
        """GET the path, or POST the form to it. A failure to get an answer is an answer too: status 0."""
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        sent = {"User-Agent": self._user_agent, "Cookie": cookies}
        body = None
        if form is not None:
            body = urlencode(form | {"csrfmiddlewaretoken": self._cookies.get("csrftoken", "")})
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        started = time.monotonic()
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("GET" if form is None else "POST", path, body, sent | (headers or {}))
            response = connection.getresponse()
            size = len(response.read())
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, "", 0, time.monotonic() - started, f"{type(error).__name__}: {error}")
        finally:
            connection.close()
        for header in response.msg.get_all("Set-Cookie", []):
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(header).items()}
        seconds = time.monotonic() - started
        return Answer(response.status, response.getheader("X-Request-ID", ""), size, seconds)
