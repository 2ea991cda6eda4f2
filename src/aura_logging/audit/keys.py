"""Keep the keys that sign a trail: the newest signs, all verify."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterator, Mapping

from aura_logging.options import OptionError

__all__ = ["KeyRing", "UnknownKeyError"]

SHORTEST_KEY_BYTES = 32
"""RFC 2104, 3: keys shorter than the hash's output (SHA-256: 32 bytes) weaken the function."""

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class UnknownKeyError(LookupError):
    """An entry names a key that the ring does not hold."""


class KeyRing:
    """Keys by their ids, oldest first: the last one signs.

        KeyRing({"2025": "base64:…", "2026": "base64:…"})

    To rotate, add a key behind the others; keep the old ones for as long as entries signed with them are kept. A key is
    bytes, or text: `base64:…`, `hex:…`, or the text's own UTF-8; 32 bytes at least. Immutable, for any thread.
    `OptionError` names what is wrong with a key, never the key.
    """

    def __init__(self, keys: Mapping[str, bytes | str]) -> None:
        if not keys:
            raise OptionError(
                "keys is empty; an audit trail needs one to sign with. Make one with "
                "`python -c \"import secrets; print('hex:' + secrets.token_hex(32))\"`."
            )
        self._keys = {_checked_id(name): _key_bytes(name, key) for name, key in keys.items()}
        self._keyed = {name: hmac.new(key, b"", "sha256") for name, key in self._keys.items()}
        self._rank = {name: rank for rank, name in enumerate(self._keys)}
        self.newest_id = next(reversed(self._keys))
        self.newest = self._keys[self.newest_id]

    @classmethod
    def derived(cls, secret: str | bytes, key_id: str = "derived") -> KeyRing:
        """Return a ring with one key made from another secret (HKDF-SHA256, RFC 5869, with a label of our own).

        Convenient, and weaker in one respect: whoever holds that secret can rewrite the trail.
        """
        raw = secret.encode() if isinstance(secret, str) else secret
        extracted = hmac.digest(b"", raw, "sha256")
        return cls({key_id: hmac.digest(extracted, b"aura_logging.audit\x01", "sha256")})

    def key(self, key_id: str) -> bytes:
        """Return a key; `UnknownKeyError` if there is none of that id."""
        try:
            return self._keys[key_id]
        except KeyError:
            raise UnknownKeyError(key_id) from None

    def keyed(self, key_id: str) -> hmac.HMAC:
        """Return HMAC-SHA256 under a key, to be copied and never updated; `UnknownKeyError` for an unknown id."""
        try:
            return self._keyed[key_id]
        except KeyError:
            raise UnknownKeyError(key_id) from None

    def rank(self, key_id: str) -> int:
        """Return a key's place in the order of rotation, 0 the oldest; -1 for an unknown one."""
        return self._rank.get(key_id, -1)

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"


def _checked_id(name: object) -> str:
    if not isinstance(name, str) or _KEY_ID.fullmatch(name) is None:
        raise OptionError(f"keys has the id {name!r}; use 1 to 64 letters, digits, '.', '_' or '-'.")
    return name


def _key_bytes(name: str, key: bytes | str) -> bytes:
    try:
        if isinstance(key, bytes):
            raw = key
        elif key.startswith("base64:"):
            raw = base64.b64decode(key.removeprefix("base64:"), validate=True)
        elif key.startswith("hex:"):
            raw = bytes.fromhex(key.removeprefix("hex:"))
        else:
            raw = key.encode()
    except (binascii.Error, ValueError):
        raise OptionError(f"keys[{name!r}] does not decode; write 'base64:…', 'hex:…' or plain text.") from None
    except AttributeError:
        raise OptionError(f"keys[{name!r}] is a {type(key).__name__}; it must be bytes or text.") from None
    if len(raw) < SHORTEST_KEY_BYTES:
        raise OptionError(f"keys[{name!r}] has {len(raw)} bytes; it must have {SHORTEST_KEY_BYTES} at least.")
    return raw
