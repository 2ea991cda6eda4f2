"""What the demo asks of the shop: the kinds of visit as data, and the shoppers who make them."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from demo.browser import Browser

PASSWORD = "correct horse"  # as in the `seed` command
PAUSE_SECONDS = 0.05  # between two visits of one shopper


@dataclass(frozen=True)
class Visit:
    """One request a shopper may make, and the status an honest shop answers it with."""

    kind: str
    path: str
    status: int = 200
    form: dict[str, str] | None = None
    headers: dict[str, str] = field(default_factory=dict)


def query(path: str, **parameters: str) -> str:
    return f"{path}?{urlencode(parameters)}"


ANYBODY = [
    Visit("front page", "/"),
    Visit("shelf, one query", "/books/"),
    Visit("shelf, N+1 queries", "/books/careless/"),
    *(Visit("book", f"/books/{pk}/") for pk in (1, 7, 12, 19, 23, 31, 38, 42)),
    *(Visit("stock (async view)", f"/books/{pk}/stock/") for pk in (3, 14, 15)),
    *(Visit("search", query("/search/", q=words)) for words in ("pride", "Tolstoy", "kokoro", "whale")),
    Visit("not found", "/books/999/", 404),
    Visit("not found", "/wp-login.php", 404),
    # Numbers from the card networks' published test ranges: valid to a checksum, nobody's.
    Visit("card number in query", query("/pay/return/", status="ok", order="17", card="4111 1111 1111 1111")),
    Visit("card number in query", query("/pay/return/", status="declined", order="18", card="5555555555554444")),
    Visit("injection attempt", query("/search/", q="' OR 1=1 UNION SELECT password FROM auth_user --")),
    Visit("injection attempt", query("/search/", q="<script>alert(document.cookie)</script>")),
    Visit("injection attempt", query("/search/", q="${jndi:ldap://127.0.0.1/a}")),
    Visit("injection attempt", query("/static/../../etc/passwd", file="../../../../etc/passwd"), 400),
    Visit("line break in query", query("/search/", q='x\r\n{"level":"INFO","message":"forged"}')),
    Visit("hostile request id", "/", headers={"X-Request-ID": "<b>not an id</b>"}),
    Visit("login form", "/login/"),
    Visit("login that fails", "/login/", 200, {"username": "ada", "password": "guess"}),
    Visit("page behind login", "/orders/", 302),
]

LOG_IN = [
    Visit("login form", "/login/"),
    Visit("login", "/login/", 302, {"username": "{customer}", "password": PASSWORD}),
]

CUSTOMER = [
    *(Visit("own orders", "/orders/") for _ in range(2)),
    Visit("front page", "/"),
    *(Visit("order", "/orders/place/", 302, {"book": str(pk)}) for pk in (2, 11, 29)),
    Visit("order that crashes", "/orders/place/", 500, {"book": "5", "country": "AQ"}),
    Visit("export (streamed)", "/orders/export.csv"),
    Visit("slow report", "/orders/report/"),
]


@dataclass(frozen=True)
class Sent:
    """One request the demo made, and the answer: the client's own account of it."""

    kind: str
    method: str
    path: str
    expected_status: int
    status: int
    correlation_id: str
    given_id: str  # the id that the client sent along, if it sent one
    seconds: float
    problem: str

    @property
    def went_as_expected(self) -> bool:
        return self.status == self.expected_status and bool(self.correlation_id)


class Shopper(threading.Thread):
    """A visitor who goes round and round until the time is up, each round in another order.

    A round that has begun is finished, so that even the shortest demo has one of every kind.
    """

    def __init__(self, url: str, name: str, customer: str | None, is_time_up: Callable[[], bool], seed: int):
        super().__init__(name=name, daemon=True)
        self.sent: list[Sent] = []
        self._browser = Browser(url, f"Mozilla/5.0 (demo; {name})")
        self._customer = customer
        self._is_time_up = is_time_up
        self._dice = random.Random(seed)

    def run(self) -> None:
        while True:
            self._go_round()
            if self._is_time_up():
                return

    def _go_round(self) -> None:
        visits = list(ANYBODY if self._customer is None else [*CUSTOMER, *self._dice.sample(ANYBODY[:18], 8)])
        self._dice.shuffle(visits)
        if self._customer:
            visits = [*LOG_IN, *visits]
        for visit in visits:
            if visit.form and not self._customer:
                # The form's page hands out the token that a POST must bring back.
                self._make(Visit("login form", "/login/"))
            self._make(visit)
        self._browser.forget()

    def _make(self, visit: Visit) -> None:
        form = visit.form and {key: value.format(customer=self._customer) for key, value in visit.form.items()}
        given_id, naming = self._name_of_a_proxy() if self._dice.random() < 0.15 else ("", {})
        answer = self._browser.request(visit.path, form, visit.headers | naming)
        self.sent.append(
            Sent(
                kind=visit.kind,
                method="GET" if form is None else "POST",
                path=visit.path,
                expected_status=visit.status,
                status=answer.status,
                correlation_id=answer.correlation_id,
                given_id=given_id,
                seconds=round(answer.seconds, 4),
                problem=answer.problem,
            )
        )
        time.sleep(self._dice.uniform(0.5, 1.5) * PAUSE_SECONDS)

    def _name_of_a_proxy(self) -> tuple[str, dict[str, str]]:
        """Return an id as if a proxy in front had named the request already, and the headers that carry it."""
        if self._dice.random() < 0.5:
            name = f"edge-{self._dice.getrandbits(64):016x}"
            return name, {"X-Request-ID": name}
        trace_id = f"{self._dice.getrandbits(128):032x}"
        return trace_id, {"traceparent": f"00-{trace_id}-{self._dice.getrandbits(64):016x}-01"}


def drive(url: str, seconds: float, on_tick: Callable[[list[Sent]], None]) -> list[Sent]:
    """Let four shoppers visit the shop for about that long; return everything that was sent.

    `on_tick` is called a few times a second with what has been sent so far.
    """
    deadline = time.monotonic() + seconds
    shoppers = [
        Shopper(url, name, customer, lambda: time.monotonic() >= deadline, seed)
        for seed, (name, customer) in enumerate(
            [("anna", None), ("boris", None), ("clara", "ada"), ("david", "konrad")]
        )
    ]
    for shopper in shoppers:
        shopper.start()
    while any(shopper.is_alive() for shopper in shoppers):
        for shopper in shoppers:
            shopper.join(0.05)
        on_tick([sent for shopper in shoppers for sent in list(shopper.sent)])
    return [sent for shopper in shoppers for sent in shopper.sent]
