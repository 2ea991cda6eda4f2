"""Read back what the shop's processes wrote: every line of every log file, as the JSON object that it is."""

import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

NOT_OURS = {"server.log"}  # gunicorn's own words


@dataclass
class Lines:
    """All lines of a run, oldest first, and the files they came from."""

    all: list[dict]
    files: dict[Path, int]  # lines by file
    broken: list[str] = field(default_factory=list)  # lines that are not a JSON object

    def requests(self) -> list[dict]:
        return [line for line in self.all if line["logger"] == "aura.request"]

    def of(self, correlation_id: str) -> list[dict]:
        return [line for line in self.all if line.get("correlation_id") == correlation_id]

    def by_logger(self) -> Counter:
        return Counter(line["logger"] for line in self.all)

    def by_level(self) -> Counter:
        return Counter(line["level"] for line in self.all)


def read(directory: Path) -> Lines:
    lines = Lines([], {})
    for path in sorted(directory.glob("*.log*")):
        if path.name in NOT_OURS:
            continue
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rows = text.splitlines()
        lines.files[path] = len(rows)
        for row in rows:
            try:
                line = json.loads(row)
                lines.all.append({"logger": "", "level": "", "message": "", **line})
            except (ValueError, TypeError):
                lines.broken.append(row.decode(errors="replace"))
    lines.all.sort(key=lambda line: line.get("timestamp", ""))
    return lines
