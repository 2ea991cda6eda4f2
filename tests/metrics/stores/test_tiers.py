"""Whoever asks for a window and the store that answers choose the same tier, although time passes between them."""

from __future__ import annotations

import pytest

from aura_logging.metrics.stores.tiers import TIERS, tier_for


@pytest.mark.parametrize("tier", TIERS)
def test_a_window_as_long_as_a_tier_keeps_is_read_from_that_tier_a_moment_later_too(tier: object) -> None:
    until = 1_800_000_000.0
    since = until - tier.keep  # type: ignore[attr-defined]

    assert tier_for(since, until, until + 0.5) == tier_for(since, until, until)
