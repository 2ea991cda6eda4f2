"""Say what to do about an error by its words: whatever handler meets it, a full disk is a full disk."""

from __future__ import annotations

import re

__all__ = ["cure_for", "is_about_a_full_disk"]

_FULL_DISK = re.compile(r"Errno 28|ENOSPC|No space left|disk is full|File too large|Errno 27", re.I)

_CURES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"trusted_proxies"),
     'Name the proxy: AURA = {"CONTEXT": {"trusted_proxies": [...]}}, with its address or network.'),
    (_FULL_DISK,
     "The disk is full (df -h, df -i): make room; it goes on by itself. To keep less, lower the limit."),
    (re.compile(r"Errno 13|EACCES|Permission denied|Errno 1\]|not permitted|readonly database", re.I),
     "This user may not write there: chown or chmod the file and its directory, or set AURA_LOG_DIR to another."),
    (re.compile(r"Errno 20|Not a directory|Errno 21|Is a directory|Errno 2\]|No such file", re.I),
     "The path leads to something else: see what is there, or choose another."),
    (re.compile(r"Errno 30|Read-only file system", re.I),
     "The file system is mounted read-only: mount a volume there, or choose another directory."),
    (re.compile(r"refused|no connection to|does not answer|Connection reset|Broken pipe", re.I),
     "Nobody listens there: start the service, or mend host and port; see that no firewall is in between."),
    (re.compile(r"Name or service not known|getaddrinfo|Errno -[23]|resolve", re.I),
     "The host's name is not known to this machine's DNS: mend the name."),
    (re.compile(r"timed? ?out|has not returned", re.I),
     "It does not answer in time: see that the service is well and the network lets packets through."),
    (re.compile(r"locked", re.I),
     "Another process holds the file: see who does (fuser), and let it go."),
    (re.compile(r"AUTH|WRONGPASS|password", re.I), "The credentials are refused: mend those in the URL."),
    (re.compile(r"every handler fails", re.I), "See the handlers behind it; each says what ails it."),
)  # fmt: skip


def cure_for(detail: str) -> str:
    """Return what to do about an error, by its text: `errno` names are the same in every handler's words."""
    for pattern, cure in _CURES:
        if pattern.search(detail):
            return cure
    return "See its error on standard error, and what it told in --format=json."


def is_about_a_full_disk(detail: str) -> bool:
    """Tell whether an error says that there is no room."""
    return _FULL_DISK.search(detail) is not None
