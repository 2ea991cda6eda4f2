"""Let `AURA["DASHBOARD"]` say who may look, at which files, and how often pages renew themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aura_logging.django.conf import declare

__all__ = ["DashboardOptions"]

_PERMISSION = re.compile(r"\w+\.\w+")


@dataclass(frozen=True, slots=True)
class DashboardOptions:
    """`AURA["DASHBOARD"]`.

    `log_files` are patterns of live log files (`/var/log/shop/*.jsonl`), their rotated segments found beside them; by
    default those that the root logger's handlers write. An open page fetches itself anew every
    `page_seconds`, at least 1; 0 leaves it as it is. Only staff who have `permission` may look.
    """

    log_files: tuple[str, ...] = ()
    page_seconds: float = 5.0
    permission: str = "aura.view_dashboard"

    def __post_init__(self) -> None:
        if self.page_seconds != 0 and not 1 <= self.page_seconds <= 3_600:
            raise ValueError(f"page_seconds={self.page_seconds!r}; give seconds, 1 to 3600, or 0 for never.")
        if not _PERMISSION.fullmatch(self.permission):
            raise ValueError(f"permission={self.permission!r}; give an app and a codename: 'aura.view_dashboard'.")


declare("DASHBOARD", DashboardOptions)
