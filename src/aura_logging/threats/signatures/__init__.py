"""All signatures but those of SQL, which `sql_fingerprints.py` has: data, each with its proof."""

from __future__ import annotations

from aura_logging.threats.signature import Signature
from aura_logging.threats.signatures.code import CODE
from aura_logging.threats.signatures.commands import COMMANDS
from aura_logging.threats.signatures.documents import DOCUMENTS
from aura_logging.threats.signatures.files import FILES
from aura_logging.threats.signatures.markup import MARKUP
from aura_logging.threats.signatures.network import NETWORK
from aura_logging.threats.signatures.scanners import SCANNERS
from aura_logging.threats.signatures.templates import TEMPLATES

__all__ = ["SIGNATURES"]

SIGNATURES: tuple[Signature, ...] = (
    *MARKUP,
    *FILES,
    *COMMANDS,
    *TEMPLATES,
    *DOCUMENTS,
    *NETWORK,
    *CODE,
    *SCANNERS,
)
