"""List the detectors that come with the package, in the order in which they win where their findings overlap."""

from __future__ import annotations

from aura_logging.privacy.contact import EMAIL, IP_ADDRESS
from aura_logging.privacy.credentials import BASIC_AUTH, BEARER_TOKEN, JWT, PRIVATE_KEY, URL_CREDENTIALS
from aura_logging.privacy.detector import Detector
from aura_logging.privacy.identity import MEDICAL_RECORD, US_MBI, US_SSN
from aura_logging.privacy.payment import CREDIT_CARD, IBAN
from aura_logging.privacy.phone import PHONE
from aura_logging.privacy.vendor_keys import VENDOR_KEYS

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    PRIVATE_KEY,
    JWT,
    BEARER_TOKEN,
    BASIC_AUTH,
    URL_CREDENTIALS,
    *VENDOR_KEYS,
    CREDIT_CARD,
    IBAN,
    US_SSN,
    EMAIL,
    US_MBI,
    MEDICAL_RECORD,
    PHONE,
    IP_ADDRESS,
)
"""All built-in detectors; those with `enabled=False` wait to be asked for."""
