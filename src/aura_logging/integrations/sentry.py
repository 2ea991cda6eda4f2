"""Send errors to Sentry without what must not leave, and each of them once.

Sentry's SDK sees a log record after all handlers, an exception before any, and the frames' local variables by
itself: filters do not reach it. So everything is scrubbed where it leaves, in the SDK's own `before_send` hooks.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

from aura_logging import context
from aura_logging.options import OptionError, fill, from_env
from aura_logging.privacy import Scrubber
from aura_logging.privacy.replacements import marker
from aura_logging.privacy.stand_ins import same_error

__all__ = ["SentryHooks", "SentryOptions", "init_from_env", "is_scrubbed"]

Json: TypeAlias = dict[str, Any]
Hook: TypeAlias = Callable[[Json, Json], "Json | None"]

# What the SDK says about itself and its host; a release may look like an address ("shop@1.2.3.dev").
_NOT_SCRUBBED = frozenset(
    {"_meta", "dist", "environment", "event_id", "level", "modules", "platform", "release", "sdk", "server_name"}
    | {"start_timestamp", "timestamp", "transaction_info", "type"}
)
_NAMES_OF_USERS = ("email", "ip_address", "name", "username")
_USER = "user."
_PSEUDONYM_HEX_DIGITS = 16
# Our record of a finished request repeats an error that was reported with its traceback.
_LOGGERS_OF_REPEATS = ("aura.request",)


@dataclass(frozen=True, slots=True)
class SentryOptions:
    """What the environment says about Sentry."""

    dsn: str = from_env("SENTRY_DSN", "")
    environment: str | None = from_env("SENTRY_ENVIRONMENT", None)
    traces_sample_rate: float = from_env("SENTRY_TRACES_SAMPLE_RATE", 0.0)

    def __post_init__(self) -> None:
        if not 0 <= self.traces_sample_rate <= 1:
            raise ValueError(f"SENTRY_TRACES_SAMPLE_RATE is {self.traces_sample_rate}; it must be from 0 to 1")


def init_from_env(
    *,
    scrubber: Scrubber | None = None,
    pseudonym_key: str | bytes | None = None,
    environ: Mapping[str, str] = os.environ,
    **options: Any,
) -> bool:
    """Start Sentry's SDK if `SENTRY_DSN` is set, and answer whether it was; without it nothing is imported.

    Reads `SENTRY_DSN`, `SENTRY_ENVIRONMENT` and `SENTRY_TRACES_SAMPLE_RATE` (0 to 1); a value that does not parse
    is an `OptionError` that names the variable. Events, transactions, logs, metrics and streamed spans leave
    scrubbed; the correlation id is a tag; a user is a pseudonym, the same in all processes that are given the same
    `pseudonym_key`, else only in this one. `options` go to `sentry_sdk.init`; hooks among them run before ours.
    """
    found = fill(SentryOptions, where="the environment", environ=environ)
    if not found.dsn:
        return False
    try:
        import sentry_sdk
        from sentry_sdk.consts import DEFAULT_OPTIONS
        from sentry_sdk.integrations.logging import ignore_logger
        from sentry_sdk.utils import BadDsn
    except ImportError as error:
        raise OptionError('SENTRY_DSN is set, but Sentry is missing: pip install "aura-logging[sentry]"') from error
    hooks = SentryHooks(scrubber or Scrubber(), pseudonym_key)
    arguments: Json = {"environment": found.environment, "traces_sample_rate": found.traces_sample_rate, **options}
    for name, hook in hooks.by_option(streams_spans=arguments.get("trace_lifecycle") == "stream").items():
        if name in DEFAULT_OPTIONS:
            arguments[name] = _after(arguments.get(name), hook)
    try:
        sentry_sdk.init(dsn=found.dsn, **arguments)
    except BadDsn as error:
        raise OptionError(f"SENTRY_DSN is not a DSN ({error}); copy it from the project's settings.") from None
    for name in _LOGGERS_OF_REPEATS:
        ignore_logger(name)
    return True


def is_scrubbed() -> bool | None:
    """Tell whether events pass our hooks before they leave; None where Sentry's SDK has not been started."""
    sentry_sdk = sys.modules.get("sentry_sdk")
    client = sentry_sdk.get_client() if sentry_sdk is not None else None
    if client is None or not client.is_active() or not client.dsn:
        return None
    hook = client.options.get("before_send")
    return isinstance(getattr(hook, "__self__", None), SentryHooks) or getattr(hook, "scrubs", False) is True


class SentryHooks:
    """The SDK's hooks, for a project that calls `sentry_sdk.init` itself.

    What cannot be scrubbed is not sent: the SDK drops, and counts, an event or log whose hook raises. A streamed
    span cannot be dropped; one that cannot be scrubbed leaves without name and attributes.
    """

    def __init__(self, scrubber: Scrubber, pseudonym_key: str | bytes | None = None) -> None:
        self._scrubber = scrubber
        self._key = pseudonym_key.encode() if isinstance(pseudonym_key, str) else pseudonym_key
        self._key = self._key or secrets.token_bytes(32)
        self._last_error: ContextVar[object | None] = ContextVar("aura_sentry_last_error", default=None)

    def by_option(self, *, streams_spans: bool = False) -> dict[str, Hook]:
        """Return the hooks under the names of `sentry_sdk.init`'s options."""
        hooks: dict[str, Hook] = {
            "before_send": self.before_send,
            "before_send_transaction": self.before_send_transaction,
            "before_send_log": self.before_send_log,
            "before_send_metric": self.before_send_metric,
        }
        return {**hooks, "before_send_span": self.before_send_span} if streams_spans else hooks

    def before_send(self, event: Json, hint: Json) -> Json | None:
        """Scrub an event; answer None for an exception that was sent in another guise just now."""
        return None if self._is_repeat(hint) else self._event(event, hint)

    def before_send_transaction(self, event: Json, hint: Json) -> Json:
        """Scrub a transaction and its spans."""
        return self._event(event, hint)

    def before_send_log(self, log: Json, hint: Json) -> Json:
        """Scrub the body and the attributes of one of Sentry's logs."""
        return self._attributed(log, ("body",))

    def before_send_metric(self, metric: Json, hint: Json) -> Json:
        """Scrub a metric's attributes."""
        return self._attributed(metric, ())

    def before_send_span(self, span: Json, hint: Json) -> Json:
        """Scrub the name and the attributes of a streamed span."""
        try:
            return self._attributed(span, ("name",))
        except Exception:  # noqa: BLE001  # the SDK would send the span as it was
            return {**span, "name": marker("scrubbing_failed"), "attributes": {}}

    def _event(self, event: Json, hint: Json) -> Json:
        user = event.pop("user", None)
        scrubbed = self._parts(event, [name for name in event if name not in _NOT_SCRUBBED])
        if isinstance(user, dict):
            scrubbed["user"] = self._pseudonymous(user)
        correlation_id = self._correlation_id(hint)
        if correlation_id:
            tags = scrubbed.get("tags")
            scrubbed["tags"] = {**(tags if isinstance(tags, dict) else {}), "correlation_id": correlation_id}
        return scrubbed

    def _attributed(self, item: Json, names: Iterable[str]) -> Json:
        scrubbed = self._parts(item, names)
        attributes = item.get("attributes")
        if isinstance(attributes, dict):
            # The user is spread over "user.id", "user.email" and so on, each plain or as {"value", "type"}.
            user = {name[len(_USER) :]: _plain(at) for name, at in attributes.items() if name.startswith(_USER)}
            rest = {name: at for name, at in attributes.items() if not name.startswith(_USER)}
            scrubbed["attributes"] = self._scrubber.scrub_value(rest)[0] | {
                f"{_USER}{name}": value for name, value in self._pseudonymous(user).items()
            }
        return scrubbed

    def _parts(self, whole: Json, names: Iterable[str]) -> Json:
        scrubbed = dict(whole)
        for name in names:
            if name in scrubbed:
                scrubbed[name] = self._scrubber.scrub_value(scrubbed[name])[0]
        return scrubbed

    def _pseudonymous(self, user: Json) -> Json:
        """Return the user with pseudonyms for what tells who it is; the rest scrubbed."""
        rest = {name: value for name, value in user.items() if name not in ("id", *_NAMES_OF_USERS)}
        scrubbed: Json = self._scrubber.scrub_value(rest)[0]
        known = user.get("id") or user.get("username") or user.get("email") or user.get("ip_address")
        return {**scrubbed, "id": self._pseudonym(known)} if known else scrubbed

    def _pseudonym(self, value: object) -> str:
        digest = hmac.new(self._key or b"", f"user\0{value}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"user:{digest.hexdigest()[:_PSEUDONYM_HEX_DIGITS]}"

    def _is_repeat(self, hint: Json) -> bool:
        """Tell an exception whose double, from a scrubbed record, was sent before it; the SDK knows it by identity."""
        info = hint.get("exc_info")
        error = info[1] if isinstance(info, tuple) and len(info) == 3 else None
        same = same_error(error) if isinstance(error, BaseException) else None
        if same is None:
            return False
        if self._last_error.get() is same:
            return True
        self._last_error.set(same)
        return False

    @staticmethod
    def _correlation_id(hint: Json) -> str | None:
        record = hint.get("log_record")
        found = getattr(record, "correlation_id", None) or context.fields().get("correlation_id")
        return str(found) if found else None


def _plain(attribute: object) -> object:
    return attribute["value"] if isinstance(attribute, dict) and "value" in attribute else attribute


def _after(first: Hook | None, then: Hook) -> Hook:
    if first is None:
        return then

    def both(what: Json, hint: Json) -> Json | None:
        kept = first(what, hint)
        return None if kept is None else then(kept, hint)

    both.scrubs = True  # type: ignore[attr-defined]  # a mark on a function, for `is_scrubbed`
    return both
