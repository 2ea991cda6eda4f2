"""Keep the seals of checkpoints where whoever can change the trail cannot change them."""

from __future__ import annotations

import errno
import logging
import os
import smtplib
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from pathlib import Path

import orjson

from aura_logging.audit.checkpoint import Checkpoint

__all__ = ["FileKeeper", "LogKeeper", "MailKeeper", "read_seals"]

_SMTP_SECONDS = 20.0

_BEGINNING = b'{"entries":'
"""What every seal begins with, its members being sorted."""


class FileKeeper:
    """Appends each seal to a file as a line of JSON, on the disk when the call returns: an append-only mount, say."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __call__(self, checkpoint: Checkpoint) -> None:
        """Append the seal; `OSError` if that fails."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Half a line of a power cut gets an end of its own: an append-only file cannot be cut.
            begin = b"" if self._ends_whole() else b"\n"
            line = begin + checkpoint.seal() + b"\n"
            if os.write(fd, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            os.fsync(fd)
        finally:
            os.close(fd)

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as stream:
            end = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, end - 1))
            return stream.read() in (b"", b"\n")


class LogKeeper:
    """Logs each seal on `aura.audit`, which sampling always keeps: whoever ships logs away ships it too."""

    def __init__(self, logger: str = "aura.audit") -> None:
        self._log = logging.getLogger(logger)

    def __call__(self, checkpoint: Checkpoint) -> None:
        """Log the seal as the field `seal`."""
        self._log.info(
            "audit checkpoint sealed",
            extra={"checkpoint": checkpoint.number, "entries": checkpoint.entries, "seal": checkpoint.seal().decode()},
        )


class MailKeeper:
    """Mails each seal: a mailbox is hard to change afterwards from a database server."""

    def __init__(self, sender: str, recipients: Sequence[str], host: str = "localhost", port: int = 25) -> None:
        self._sender = sender
        self._recipients = list(recipients)
        self._host = host
        self._port = port

    def __call__(self, checkpoint: Checkpoint) -> None:
        """Send the seal; `OSError` or `smtplib.SMTPException` if that fails."""
        message = EmailMessage()
        message["From"], message["To"] = self._sender, ", ".join(self._recipients)
        message["Subject"] = f"Audit checkpoint {checkpoint.number} ({checkpoint.entries} entries)"
        message.set_content(
            "Keep this message: it shows later whether the audit trail was changed.\n\n" + checkpoint.seal().decode()
        )
        with smtplib.SMTP(self._host, self._port, timeout=_SMTP_SECONDS) as server:
            server.send_message(message)


def read_seals(path: str | os.PathLike[str]) -> Iterator[Checkpoint]:
    """Yield the seals in a file that `FileKeeper` wrote, or among lines of a JSON log, for `verify(kept_elsewhere=…)`.

    Of a log, lines without a field `seal` are passed over. `ValueError` for a line that is none; the beginning of one,
    as a power cut or a full disk leaves it, is passed over.
    """
    with Path(path).open("rb") as lines:
        for line in lines:
            if line.endswith(b"}\n"):
                seal = _seal_in(line)
                if seal:
                    yield Checkpoint.parse(seal)
            elif not line.startswith(_BEGINNING[: len(line) - line.endswith(b"\n")]):
                raise ValueError(f"{path} has a line that is no seal: {line[:40]!r}")


def _seal_in(line: bytes) -> bytes | str:
    """Return the seal that the line is, or that a log line has; nothing if a log line has none."""
    if line.startswith(_BEGINNING):
        return line
    members = orjson.loads(line)
    return str(members.get("seal", "")) if "message" in members else line
