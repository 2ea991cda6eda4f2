"""Read back what the shop's processes wrote: every line of the log, as the JSON object that it is."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

LOG = "app.jsonl"  # where the preset writes every record; other files hold copies of some


@dataclass
class Lines:
    """All lines of a run, oldest first."""

    all: list[dict] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)  # lines that are not a JSON object

    def requests(self) -> list[dict]:
        return [line for line in self.all if line["logger"] == "aura.request"]

    def by_logger(self) -> Counter:
        return Counter(line["logger"] for line in self.all)


def read(directory: Path) -> Lines:
    """Read the log in that directory; a run is too short for it to be rotated."""
    lines = Lines()
    log = directory / LOG
    for row in log.read_bytes().splitlines() if log.exists() else []:
        try:
            lines.all.append({"logger": "", "level": "", "message": "", **json.loads(row)})
        except (ValueError, TypeError):
            lines.broken.append(row.decode(errors="replace"))
    lines.all.sort(key=lambda line: line.get("timestamp", ""))
    return lines
