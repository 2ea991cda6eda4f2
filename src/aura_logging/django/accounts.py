"""Speak of an account without naming it: people type e-mail addresses there, and sometimes their password."""

from __future__ import annotations

import functools
import hashlib
import hmac
import unicodedata
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.signals import setting_changed

from aura_logging.django.conf import options
from aura_logging.privacy.options import PrivacyOptions

__all__ = ["account_of", "account_pseudonym"]

_LONGEST_ACCOUNT = 254
_PURPOSE = b"aura_logging.account\0"


def account_of(credentials: Mapping[str, Any]) -> str:
    """Return the name that somebody tried to log in with; empty if there is none."""
    # What a backend calls the name is up to it; Django has replaced the secrets already.
    for name in (str(get_user_model().USERNAME_FIELD), "username", "email"):
        value = credentials.get(name)
        if value:
            return str(value)[:_LONGEST_ACCOUNT]
    return ""


def account_pseudonym(account: str) -> str:
    """Return what stands for an account in records and in the login store: `[account:5f2d9c0b7a6e4d31]`.

    The same for the same name, however it is typed. An HMAC-SHA256 under `AURA["PRIVACY"]["pseudonym_key"]`, or a key
    made of `SECRET_KEY`: to find the account behind one, compute those of the accounts that you have.
    """
    # As Django compares names: fullwidth letters and the like are what they look like.
    name = unicodedata.normalize("NFKC", account).strip().casefold()[:_LONGEST_ACCOUNT]
    if not name:
        return ""
    digest = hmac.new(_key(), name.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    return f"[account:{digest[:16]}]"


@functools.cache
def _key() -> bytes:
    chosen = options(PrivacyOptions).pseudonym_key
    return hashlib.sha256(_PURPOSE + (chosen or str(settings.SECRET_KEY)).encode()).digest()


def _forget(*, setting: str, **_: Any) -> None:
    if setting in ("AURA", "SECRET_KEY"):
        _key.cache_clear()


setting_changed.connect(_forget, dispatch_uid="aura_logging.accounts")
