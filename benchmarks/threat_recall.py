"""How many attacks of a corpus are found, by kind, and how many of its benign rows are flagged?

Run: python benchmarks/threat_recall.py CORPUS.jsonl [--missed]

Each line is `{"payload": …, "location": …, "kind": …, "label": "attack" | "benign"}`. A row counts as found when it
is found as it stands and as the encoded value of a form; as flagged, when it is in either.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from urllib.parse import quote_plus

from aura_logging.threats import inspect


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("corpus", type=Path)
    arguments.add_argument("--missed", action="store_true", help="print what is missed and what is flagged")
    given = arguments.parse_args()
    rows, hits = Counter(), Counter()
    for line in given.corpus.read_text("utf-8").splitlines():
        row = json.loads(line)
        location = row.get("location") or "query"
        verdicts = [bool(inspect({location: row["payload"]}))]
        if location == "query":
            verdicts.append(bool(inspect({"query": "page=1&q=" + quote_plus(row["payload"])})))
        is_attack = row["label"] == "attack"
        is_hit = all(verdicts) if is_attack else any(verdicts)
        key = (row["label"], row["kind"] if is_attack else "")
        rows[key] += 1
        hits[key] += is_hit
        if given.missed and is_hit != is_attack:
            print("missed " if is_attack else "flagged", row["kind"], repr(row["payload"][:150]))
    attacks = sum(number for (label, _), number in rows.items() if label == "attack")
    found = sum(number for (label, _), number in hits.items() if label == "attack")
    for (label, kind), number in sorted(rows.items()):
        print(f"{label:8}{kind:20}{hits[label, kind]:6} of {number:6}   {hits[label, kind] / number:.4f}")
    if attacks:
        print(f"recall, all kinds {found / attacks:.4f}")


if __name__ == "__main__":
    main()
