"""Keep accepted lines in mapped files until they are delivered, and deliver those of the dead.

One process appends to its own `Journal`; whatever it leaves behind when it dies, any other adopts by
`recover`.
"""

from aura_logging.resilience.journal.errors import JournalUnavailable, Refusal
from aura_logging.resilience.journal.filesystems import filesystem_type, is_network_filesystem
from aura_logging.resilience.journal.frames import JournalFrame
from aura_logging.resilience.journal.inspection import JournalFile, pending
from aura_logging.resilience.journal.recovery import (
    RecoveredBatch,
    RecoveredFrame,
    Recovery,
    RecoveryReport,
    recover,
)
from aura_logging.resilience.journal.usage import JournalUsage
from aura_logging.resilience.journal.voids import AnyOrderJournal, Place
from aura_logging.resilience.journal.writer import Fsync, Journal

__all__ = [
    "AnyOrderJournal",
    "Fsync",
    "Journal",
    "JournalFile",
    "JournalFrame",
    "JournalUnavailable",
    "JournalUsage",
    "Place",
    "RecoveredBatch",
    "RecoveredFrame",
    "Recovery",
    "RecoveryReport",
    "Refusal",
    "filesystem_type",
    "is_network_filesystem",
    "pending",
    "recover",
]
