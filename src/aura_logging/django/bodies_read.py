"""Look at the body of a request only if the view has read it, in the shape in which it was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponseBase

from aura_logging.privacy.field_names import SecretNames

__all__ = ["keep_parsed_body", "parsed_body"]

_BODY_BYTES_AT_MOST = 65_536
_DEPTH_AT_MOST = 8
_JSON = ("application/json", "+json")
_KEPT = "_aura_parsed_body"

# A password may look like anything, an attack among it, and is never evidence.
_names = SecretNames()


def keep_parsed_body(request: HttpRequest, response: HttpResponseBase) -> None:
    """Note on the request what a parser of Django REST framework has made of its body, if one has.

    Such a parser may read the request as a stream, which leaves nothing behind on Django's request; the response knows
    the framework's. Nothing is parsed that was not.
    """
    known = getattr(response, "renderer_context", None)
    if isinstance(known, Mapping):
        data = getattr(known.get("request"), "__dict__", {}).get("_full_data")
        if isinstance(data, (dict, list)) and data:
            request.__dict__[_KEPT] = data


def parsed_body(request: HttpRequest) -> Any:
    """Return the form or the JSON that the view has read, without what its names say is secret; None if there is none.

    What is too long to be parsed again, or is no JSON for all its type says, is returned as bytes.
    """
    read = request.__dict__
    form = read.get("_post")
    if form:
        return {name: values for name, values in form.lists() if not _names.is_secret(name)}
    body = read.get("_body")
    if not body and _KEPT in read:
        return _without_secrets(read[_KEPT], _DEPTH_AT_MOST)
    if not body or not (request.content_type or "").endswith(_JSON):
        return None
    if len(body) > _BODY_BYTES_AT_MOST:
        return body[:_BODY_BYTES_AT_MOST]
    try:
        return _without_secrets(orjson.loads(body), _DEPTH_AT_MOST)
    except orjson.JSONDecodeError:
        return body


def _without_secrets(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_secrets(v, depth - 1) for k, v in value.items() if not _names.is_secret(k)} if depth else {}
    if isinstance(value, list):
        return [_without_secrets(item, depth - 1) for item in value] if depth else []
    return value
