"""Print so that it reads well on 80 columns, in a pipe, and without colour."""

import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

COLOURS = {"bold": "1", "quiet": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
PIPE_EVERY_SECONDS = 5  # where a bar cannot move, say now and then that something does


class Terminal:
    """One stream. Colour and a moving bar only where somebody watches; `NO_COLOR` is respected."""

    def __init__(self, stream=None):
        self.stream = stream or sys.stdout
        self.is_watched = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.has_colour = self.is_watched and not os.environ.get("NO_COLOR")
        self.is_unicode = "utf" in (self.stream.encoding or "").lower()
        self.width = min(shutil.get_terminal_size().columns, 80) if self.is_watched else 80

    def paint(self, text: str, *styles: str) -> str:
        if not self.has_colour or not styles:
            return text
        return f"\x1b[{';'.join(COLOURS[style] for style in styles)}m{text}\x1b[0m"

    def say(self, text: str = "") -> None:
        if not self.is_unicode:
            text = text.translate({0x2013: "-", 0x2014: "-", 0x2026: "~", 0xB7: "-"})
        encoding = self.stream.encoding or "ascii"
        print(text.encode(encoding, "replace").decode(encoding), file=self.stream, flush=True)

    def heading(self, text: str) -> None:
        self.say()
        self.say(self.paint(text, "bold"))

    def done(self, what: str, detail: str) -> None:
        mark = "✓" if self.is_unicode else "*"
        self.say(f"  {self.paint(mark, 'green')} {what:<29} {self.paint(detail, 'quiet')}")

    def failed(self, text: str) -> None:
        self.say(f"  {self.paint('✗' if self.is_unicode else '!', 'red')} {text}")

    def wrapped(self, lines: Sequence[str], indent: str = "  ") -> None:
        """Print lines cut to the width: a line that wraps by itself reads worse than a shortened one."""
        for line in lines:
            self.say(indent + self.shortened(line, self.width - len(indent)))

    def shortened(self, text: str, length: int) -> str:
        return text if len(text) <= length else text[: length - 1] + "…"

    @contextmanager
    def progress(self, total_seconds: float) -> Iterator["Progress"]:
        bar = Progress(self, total_seconds)
        try:
            yield bar
        finally:
            bar.close()


class Progress:
    """A bar that fills with time and says what is happening."""

    def __init__(self, terminal: Terminal, total_seconds: float):
        self._terminal = terminal
        self._total = total_seconds
        self._started = time.monotonic()
        self._next_line = PIPE_EVERY_SECONDS

    def update(self, text: str) -> None:
        elapsed = time.monotonic() - self._started
        clock = f"{min(elapsed, self._total):3.0f} of {self._total:.0f} s"
        if self._terminal.is_watched:
            self._draw(min(elapsed / self._total, 1.0), f"{clock}  {text}")
        elif elapsed >= self._next_line:
            self._next_line += PIPE_EVERY_SECONDS
            self._terminal.say(f"    {clock}  {text}")

    def _draw(self, share: float, text: str) -> None:
        full, empty = ("━", "─") if self._terminal.is_unicode else ("#", "-")
        room = max(10, self._terminal.width - len(text) - 7)
        filled = round(room * share)
        bar = self._terminal.paint(full * filled, "green") + self._terminal.paint(empty * (room - filled), "quiet")
        self._terminal.stream.write(f"\r    {bar}  {text}")
        self._terminal.stream.flush()

    def close(self) -> None:
        if self._terminal.is_watched:
            self._terminal.stream.write("\r\x1b[K")
            self._terminal.stream.flush()
