"""Fuzz scrubbing and inspection by coverage: python scripts/fuzz.py privacy|threats [libFuzzer options].

Needs atheris (`pip install atheris`; where it has a wheel). Whatever the bytes: nothing raises, a planted card never
comes out of any nesting, the answer is well formed. Stops at the first input that breaks this; `-max_total_time=60`
stops it otherwise.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import atheris

with atheris.instrument_imports(include=["aura_logging"]):
    from aura_logging.privacy import Scrubber
    from aura_logging.threats import KINDS, examine

CARD = "4111 1111 1111 1111"
SCRUBBER = Scrubber(enable=["ip_address", "medical_record", "us_mbi"])
PARTS = ("path", "query", "body", "user-agent", "cookie", "referer", "host")


def privacy(data: bytes) -> None:
    source = atheris.FuzzedDataProvider(data)
    depth = source.ConsumeIntInRange(0, 12)
    text = source.ConsumeUnicode(1_000)
    once, findings = SCRUBBER.scrub(text)
    assert (once == text) == (not findings)
    value: Any = f"{text}\n{CARD}\n"
    for level in range(depth):
        value = {"inner": value, text[:level]: level} if level % 2 else [text[level:], value]
    scrubbed, _ = SCRUBBER.scrub_value({"extra": value})
    assert CARD not in json.dumps(scrubbed, default=str)


def threats(data: bytes) -> None:
    source = atheris.FuzzedDataProvider(data)
    location = PARTS[source.ConsumeIntInRange(0, len(PARTS) - 1)]
    text = source.ConsumeUnicode(2_000)
    for threat in examine({location: text}).threats:
        assert threat.kind in KINDS
        assert 0.5 <= threat.score <= 1
        assert len(threat.evidence) <= 120
        assert threat.evidence.isprintable()


def main() -> None:
    targets = {"privacy": privacy, "threats": threats}
    if len(sys.argv) < 2 or sys.argv[1] not in targets:
        sys.exit(__doc__)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], targets[sys.argv[1]])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
