"""Find the names of users whose keys are in the trail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

__all__ = ["user_names"]


def user_names(keys: Iterable[str]) -> dict[str, str]:
    """Return names by key, in one query, of those users that are still there."""
    users: Any = get_user_model()
    field = users._meta.pk
    known: list[Any] = []
    for key in keys:
        try:
            known.append(field.to_python(key))
        except ValidationError:
            continue  # a token's client, or from another system
    if not known:
        return {}
    found = users._base_manager.filter(pk__in=known).values_list("pk", users.USERNAME_FIELD)
    return {str(pk): str(name) for pk, name in found}
