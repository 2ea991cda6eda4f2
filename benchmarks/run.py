"""Run every benchmark of this directory, each in a process of its own, and print their tables.

python benchmarks/run.py [NAME ...]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def is_benchmark(path: Path) -> bool:
    """Whether it runs by itself; the other modules are what benchmarks share."""
    return path != Path(__file__) and '__name__ == "__main__"' in path.read_text(encoding="utf-8")


def main() -> int:
    names = sys.argv[1:] or sorted(path.stem for path in HERE.glob("*.py") if is_benchmark(path))
    failed = []
    for name in names:
        print(f"\n=== {name} {'=' * (75 - len(name))}", flush=True)
        if subprocess.run([sys.executable, HERE / f"{name}.py"], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
