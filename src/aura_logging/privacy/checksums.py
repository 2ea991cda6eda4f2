"""Tell a real number from a run of digits by its check digits and the ranges its issuers use."""

from __future__ import annotations

import re

__all__ = ["luhn", "is_card", "is_iban", "is_mod_97", "is_ssn", "is_isbn10", "IBAN_LENGTHS"]

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn(digits: str) -> bool:
    """Tell whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        total += _DOUBLED[value] if position & 1 else value
    return total % 10 == 0


# Issuer ranges by length, from the schemes' public documentation (ISO/IEC 7812 issuer identification numbers).
# Thirteen digits are Visa's old numbers only: the other ranges would collide with EAN-13 product codes.
_VISA = r"4[0-9]{12}(?:[0-9]{3}){0,2}"
_MASTERCARD = r"(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"
_MIR = r"220[0-4][0-9]{12,15}"
_AMEX = r"3[47][0-9]{13}"
_DINERS = r"3(?:0[0-59]|[689][0-9])[0-9]{11}(?:[0-9]{2})?"
_JCB = r"(?:35[0-9]{14}(?:[0-9]{3})?|(?:1800|2131)[0-9]{11})"
_DISCOVER = r"6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}(?:[0-9]{3})?"
_UNIONPAY = r"(?:62|81)[0-9]{14}(?:[0-9]{2,3})?"
_LOCAL = (
    r"(?:508[2-9]|509[0-9]|606[0-9]|603[67]|6104|9792|8600|9860)[0-9]{12}"  # RuPay, Elo, Hipercard, Shetab, Troy
    r"|(?:502229|502806|502938|504175|505416|505785|505801|506699|5067[0-7][0-9]|636297|636368|636949"  # Shetab, Elo
    r"|637095|637568|637599|637609|637612|639346|639599|639607)[0-9]{10}"  # Hiper, Shetab
    r"|3841[046]0[0-9]{13}"  # Hipercard
)
_MAESTRO = (
    r"(?:50(?:18|19|20|38)|506[01]|5[6-8][0-9]{2}|6304|633[34]|6390|0604|6709|6759|676[0-9]|6771)"
    r"(?:[0-9]{8}|[0-9]{10,12}|[0-9]{14,15})"
)
_ISSUED = re.compile("|".join((_VISA, _MASTERCARD, _MIR, _AMEX, _DINERS, _JCB, _DISCOVER, _UNIONPAY, _LOCAL, _MAESTRO)))


def is_card(digits: str) -> bool:
    """Tell whether the digits are a number that a card scheme could have issued, check digit included."""
    return _ISSUED.fullmatch(digits) is not None and luhn(digits) and len(set(digits)) > 1


def is_ssn(area: str, group: str, serial: str) -> bool:
    """Tell whether the three parts lie in ranges that the US Social Security Administration assigns.

    Never assigned: area 000, 666 and 900-999, group 00, serial 0000; and 078-05-1120, printed on a sample card
    sold with wallets, which belongs to nobody, may well stand in a form, and is treated as a real number.
    """
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def is_isbn10(digits: str) -> bool:
    """Tell whether ten digits carry the check digit of a book number (ISO 2108 before 2007)."""
    return sum((10 - place) * (ord(digit) - 48) for place, digit in enumerate(digits)) % 11 == 0


# Length of an IBAN by country, from the SWIFT IBAN Registry and, in the last line, from countries that use the
# shape without being in it.
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
    "AO": 25, "BF": 28, "BJ": 28, "CF": 27, "CG": 27, "CI": 28, "CM": 27, "CV": 25, "DZ": 26, "GA": 27, "GQ": 27,
    "GW": 25, "IR": 26, "KM": 27, "MA": 28, "MG": 27, "ML": 28, "MZ": 25, "NE": 28, "SN": 28, "TD": 27, "TG": 28,
}  # fmt: skip


def is_iban(compact: str) -> bool:
    """Tell whether letters and digits without separators are an IBAN: its country's length, and 1 modulo 97."""
    if IBAN_LENGTHS.get(compact[:2].upper()) != len(compact):
        return False
    return is_mod_97(compact)


def is_mod_97(compact: str) -> bool:
    """Tell whether letters and digits carry an IBAN's check digits, in the third and fourth place (ISO 7064)."""
    turned = compact[4:] + compact[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1
