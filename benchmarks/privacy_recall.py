"""Measure recall and false positives against a labelled corpus: python benchmarks/privacy_recall.py CORPUS.jsonl.

Each line of the corpus is an object with `text`, `spans` ([start, end, type], half-open), `types` that are in the text,
`scope` (types it was labelled for) and `polarity` (`neg`: nothing of the scope is in it). A span counts as found
when findings of its type cover it. presidio's pattern recognisers run beside ours where they are installed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aura_logging.privacy import Scrubber

TYPES = {
    "CREDIT_CARD": "credit_card",
    "US_SSN": "us_ssn",
    "EMAIL_ADDRESS": "email",
    "IBAN_CODE": "iban",
    "PHONE_NUMBER": "phone",
    "IP_ADDRESS": "ip_address",
    "US_MBI": "us_mbi",
}
Found = list[tuple[int, int, str]]
Find = Callable[[str], Found]


def ours() -> Find:
    scrubber = Scrubber(enable=["ip_address", "us_mbi"], disable=["secret"])
    names = {detector: kind for kind, detector in TYPES.items()}
    return lambda text: [(f.start, f.end, names.get(f.detector, f.detector)) for f in scrubber.find(text)]


def presidio() -> Find:
    from presidio_analyzer import predefined_recognizers as known

    recognizers = [
        known.CreditCardRecognizer(), known.UsSsnRecognizer(), known.EmailRecognizer(), known.IbanRecognizer(),
        known.PhoneRecognizer(), known.IpRecognizer(),
    ]  # fmt: skip

    def find(text: str) -> Found:
        results = [
            r for recognizer in recognizers for r in recognizer.analyze(text, recognizer.supported_entities, None)
        ]
        return [(result.start, result.end, result.entity_type) for result in results]

    return find


def report(name: str, find: Find, rows: list[dict[str, Any]]) -> None:
    recall = {kind: [0, 0] for kind in TYPES}
    false = {kind: [0, 0] for kind in TYPES}
    began = time.perf_counter()
    for row in rows:
        found = find(row["text"])
        for kind in TYPES:
            here = [(start, end) for start, end, what in found if what == kind]
            if row["polarity"] == "neg":
                if kind in row["scope"]:
                    false[kind][0] += bool(here)
                    false[kind][1] += 1
                continue
            for start, end, what in row["spans"] or ():
                if what == kind:
                    recall[kind][0] += any(first <= start and last >= end for first, last in here)
                    recall[kind][1] += 1
    each = (time.perf_counter() - began) / len(rows) * 1e6
    print(f"\n{name}: {len(rows)} texts, {each:.1f} us each")
    print(f"{'type':15}{'found':>12}{'recall':>9}{'false':>12}{'rate':>9}")
    for kind in TYPES:
        (hits, wanted), (wrong, innocent) = recall[kind], false[kind]
        if wanted:
            rate = wrong / innocent if innocent else 0.0
            print(f"{kind:15}{hits:>6}/{wanted:<5}{hits / wanted:>9.4f}{wrong:>6}/{innocent:<5}{rate:>9.4f}")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rows = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    report("aura-logging", ours(), rows)
    try:
        peer = presidio()
    except ImportError:
        print("\npresidio: not installed")
    else:
        report("presidio (pattern recognisers)", peer, rows)


if __name__ == "__main__":
    main()
