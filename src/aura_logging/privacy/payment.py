"""Find payment cards and bank accounts, told from other long numbers by their check digits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aura_logging.privacy.checksums import IBAN_LENGTHS, is_card, is_iban, is_mod_97, luhn
from aura_logging.privacy.detector import Detector, Span
from aura_logging.privacy.numbers_in_text import is_in_uuid
from aura_logging.privacy.scan_syntax import BEFORE_DIGIT, BEFORE_WORD, any_of, digits

__all__ = ["CREDIT_CARD", "IBAN"]

_FEWEST_DIGITS, _MOST_DIGITS = 12, 19

# In a URL a space is written as a plus.
_GAP = r"(?:[ +][-\u2010-\u2015][ +]|  |\+\+|[ .+\-/_\u00a0\u2000-\u200a\u2010-\u2015\u202f])"
# Groups of digits with one separator between each two: what follows a decimal point is no card.
_NUMBER = re.compile(r"(?<![0-9])(?<![0-9]\.)[0-9]+(?:" + _GAP + r"[0-9]+)*")
_UNEVEN_GROUPINGS = frozenset({(4, 6, 5), (4, 6, 4), (4, 5, 6), (8, 8), (6, 10), (6, 13)})
_PIECES = re.compile(r"([0-9]+)(" + _GAP + r"|$)")
_FRACTION = re.compile(r"\.[0-9]{2}")
# One in ten of the products of some countries, whose numbers begin as cards do, has a card's check digit too.
_OTHER_NAME = re.compile(
    r"(?i)(?<![a-z])(?:ean|gtin|upc|jan|isbn|barcode|imei|iccid)(?:[ _-]?(?:8|1[234]))?"
    r"(?:[ _-]?(?:code|number|nr|no)\.?)?[\"'\s:=#>]{0,5}$"
)
_LONGEST_ROW_WITH_CARD, _ROW_OF_THREE_CARDS = 6, 12
_SIZE_AFTER = re.compile(r" bytes(?![a-z])")
# A parcel of the United Parcel Service's, and an account of Amazon's in a resource's name.
_PART_BEFORE = re.compile(r"(?<![0-9A-Za-z])1Z[0-9A-Z]{3,6}$|(?<![a-z])arn:[a-z0-9-]*:[a-z0-9-]*:[a-z0-9-]*:$")
_AS_FAR_AS_A_NAME = 48
_TOKEN_BEFORE = re.compile(r"[0-9A-Za-z]*$")
_TOKEN_AFTER = re.compile(r"[0-9A-Za-z]*")
# Words with a card glued to them ("card4111...") are typed; longer mixtures of letters and digits are hashes and
# encoded data.
_LONGEST_GLUED_TOKEN = 28


# After a word for it, any number with the check digit is one, whoever issued it.
_NAMED = re.compile(
    r"(?i)(?:(?<![a-z])(?:credit|debit|payment|bank|gift)?[ _-]?cards?(?![a-rt-z])|(?<![a-z])pan(?![a-z]))"
    r"[^0-9]{0,32}(?<![0-9])([0-9]{4}(?:[ -]?[0-9]){8,15})(?![0-9])"
)


def _cards(text: str, field: str) -> Iterator[Span]:
    found = list(_issued_cards(text))
    for match in _NAMED.finditer(text):
        start, end = match.span(1)
        digits = re.sub(r"[^0-9]", "", match[1])
        if luhn(digits) and int(digits) and not any(first < end and start < last for first, last in found):
            found.append((start, end))
    yield from sorted(found)


def _issued_cards(text: str) -> Iterator[Span]:
    for run in _NUMBER.finditer(text):
        if run.end() - run.start() < _FEWEST_DIGITS:
            continue
        groups = [(piece.group(1), piece.start(1), piece.group(2)) for piece in _PIECES.finditer(run.group())]
        first = 0
        while first < len(groups):
            fraction = first > 0 and groups[first - 1][2] == "."
            last = None if fraction else _last_group_of_card(groups, first)
            if last is None or _is_in_row(groups, first, last):
                first += 1
                continue
            start = run.start() + groups[first][1]
            end = run.start() + groups[last][1] + len(groups[last][0])
            if not (
                _FRACTION.match(text, end)
                or _inside_encoded_data(text, start, end)
                or is_in_uuid(text, start, end)
                or _is_called_else(text, start, end)
            ):
                yield start, end
            first = last + 1


def _last_group_of_card(groups: list[tuple[str, int, str]], first: int) -> int | None:
    """Return the index of the group that ends a card number begun by `first`, the longest there is."""
    found = None
    number = ""
    sizes: list[int] = []
    for index in range(first, len(groups)):
        digits, _, gap = groups[index]
        number += digits
        sizes.append(len(digits))
        if len(number) > _MOST_DIGITS:
            break
        if len(number) >= _FEWEST_DIGITS and _is_grouping(sizes, groups[first][2]) and is_card(number):
            found = index
        if gap != groups[first][2]:
            break
    return found


def _is_grouping(sizes: list[int], gap: str) -> bool:
    """Tell whether people, or forms, write a card number in groups of these sizes with this between them."""
    if len(sizes) == 1:
        return True
    if tuple(sizes) in _UNEVEN_GROUPINGS:
        return gap != "." or len(sizes) > 2
    even = all(size == 4 for size in sizes[:-1])
    # A point also stands in a decimal number.
    return even and (gap != "." or (len(sizes) > 2 and sizes[-1] <= 4))


def _is_in_row(groups: list[tuple[str, int, str]], first: int, last: int) -> bool:
    """Tell groups of four in a longer row of them, a table's; what may follow a card is a date and little more.

    Three groups would be a short card of Maestro's. Rows of eight or twelve may be two or three cards.
    """
    if any(len(digits) != 4 for digits, _, _ in groups[first : last + 1]):
        return False
    gap = groups[first][2]
    begin, end = first, last
    farthest = max(0, first - _ROW_OF_THREE_CARDS), last + _ROW_OF_THREE_CARDS  # so that a long row is not read again
    while begin > farthest[0] and groups[begin - 1][2] == gap and len(groups[begin - 1][0]) == 4:
        begin -= 1
    while end < farthest[1] and groups[end][2] == gap and len(groups[end + 1][0]) == 4:
        end += 1
    row = end - begin + 1
    if last - first == 2:
        return row > 3
    return row > _ROW_OF_THREE_CARDS or (row > _LONGEST_ROW_WITH_CARD and row % 4 != 0)


def _is_called_else(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - _AS_FAR_AS_A_NAME) : start]
    return bool(_OTHER_NAME.search(before) or _SIZE_AFTER.match(text, end) or _PART_BEFORE.search(before))


def _inside_encoded_data(text: str, start: int, end: int) -> bool:
    before = text[start - 1 : start]
    after = text[end : end + 1]
    if not (before.isalnum() or after.isalnum()):
        return False
    head = _TOKEN_BEFORE.search(text[max(0, start - _LONGEST_GLUED_TOKEN) : start])
    tail = _TOKEN_AFTER.match(text, end, end + _LONGEST_GLUED_TOKEN)
    glued = (head.group() if head else "") + (tail.group() if tail else "")
    return len(glued) + end - start > _LONGEST_GLUED_TOKEN and not glued.isalpha()


_RARE_GAP = rb"(?:[ +](?:-|\xe2\x80[\x90-\x95])[ +]|  |\+\+|/|%2f|_)"

CREDIT_CARD = Detector(
    name="credit_card",
    scan=BEFORE_DIGIT
    + any_of(
        rb"(?:[34][0-9]|2[2-7]|81|86|9[78])[0-9]{2}" + digits(9),
        rb"(?:[56][0-9]{3}|1800|2131|0604)" + digits(8),
        # Separators that are rarer: groups of four, or American Express's and Diners' four and six.
        rb"[2-6][0-9]{3}" + _RARE_GAP + rb"[0-9]{4}(?:" + _RARE_GAP + rb"[0-9]{4}|[0-9]{2}" + _RARE_GAP + rb"[0-9]{4})",
    )
    + rb"|(?:^|[^a-z]|\\[nrtbf]|t|k|_)(?:card|pan)[^0-9]{0,32}[0-9]{4}(?:[ -]?[0-9]){8}",
    find=_cards,
    keep_last=4,
    normalise=lambda value: re.sub(r"[^0-9]", "", value),
    examples=(
        "4111111111111111",
        "4111 1111 1111 1111",
        "5555-5555-5555-4444",
        "4012.8888.8888.1881",
        "3782 822463 10005",
        "3056 930902 5904",
        "4111/1111/1111/1111",
        "4111_1111_1111_1111",
        "?n=4111+-+1111+-+1111+-+1111&x=1",
        "?n=4111++1111++1111++1111&x=1",
        "4111 - 1111 - 1111 - 1111",
        "4111  1111  1111  1111",
        "3782 - 822463 - 10005",
        "2223003122003222",
        "6011111111111117",
        "3530111333300000",
        "6304000000000000",
        "4222222222222",
        "card=4111111111111111&cvv=1",
        "card4111111111111111,",
        "number=4111+1111+1111+1111&x=1",
        "/pay?n=5555%204444%203333%201111",
        "paid 5 4111111111111111 times",
        "12 4111 1111 1111 1111 12/27",
        "\x014111111111111111\n",
        "my credit card: 122000000000003",
        "5067310000000010",
        "6363680000000015",
        "5057850331306950",
        "4111 1111 1111 1111 1227 123",
        "6759 6498 2643 8453",
        "4111\u20111111\u20111111\u20111111",
    ),
    counter_examples=(
        "4111111111111112",
        "4012-8888-8888-1882",
        "1748503543012",
        "36168002586008",
        "0.4111111111111111",
        "thread 140123456789012",
        "1763876460123456",
        "0000000000000000",
        "41111111111111111",
        "4111-11-11111-11111",
        "4532 1.2",
        "478223082.1447587",
        "42084657.77582443",
        "26173.36575955884",
        "4944.283789117697",
        "-3009920594273330.164253028",
        "4320-16019-1977-4756",
        "9f86d081884c7d654111111111111111a2feaa0c55ad015a",
        "978-0-306-40615-7",
        "dc97ad4c-4fde-239c-6242-575486255025",
        "snowflake 1175928847299117063",
        "4006381333931",
        "9181 8780 9314 6759 3450 8978 3353",
        "arn:aws:iam::585321780082:role/admin",
        "9999 5471 5611 6899 2730 3388 9696",
        "EAN: 4003442653366",
        'barcode="4003442653366"',
        "4928176421400 bytes",
        "1ZFAW4840109280581",
    ),
)

_IBAN_CANDIDATE = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:(?:  |[ .\-+/_\u00a0\u2007\u2010-\u2015\u202f])?[A-Za-z0-9]){8,30}"
)
_IBAN_SIGN = re.compile(r"[A-Za-z0-9]")


# After its name, or under it, also what the registry does not know: a country or a length; check digits given.
_IBAN_NAMED = re.compile(r"(?i:(?<![a-z])iban(?![a-z]))[^0-9A-Za-z]{0,16}(?:(?i:is|no|nr|number)[^0-9A-Za-z]{1,8})?")
# Without a name, a bank's four letters and nothing but digits after them have to stand in for it.
_BANK_AND_DIGITS = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Z]{2}[0-9]{2}[ -]?[A-Z]{4}|[a-z]{2}[0-9]{2}[ -]?[a-z]{4})"
    r"[ -]?[0-9](?:[ -]?[0-9]){9,25}(?![0-9A-Za-z])"
)
_SHORTEST_IBAN, _LONGEST_IBAN = 12, 34


def _ibans(text: str, field: str) -> Iterator[Span]:
    spans = list(_registered_ibans(text))
    starts = [match.end() for match in _IBAN_NAMED.finditer(text)]
    if _IBAN_NAMED.search(field):
        starts.append(len(text) - len(text.lstrip()))
    others = [match.span() for match in _BANK_AND_DIGITS.finditer(text) if is_mod_97(_signs_of(match.group()))]
    others += [span for start in starts if (span := _checked_iban(text, start)) is not None]
    for span in others:
        if not any(first < span[1] and span[0] < last for first, last in spans):
            spans.append(span)
    yield from sorted(spans)


def _signs_of(written: str) -> str:
    return "".join(_IBAN_SIGN.findall(written))


def _checked_iban(text: str, start: int) -> Span | None:
    """Return the longest that begins here, ends with a group, and has the check digits of an IBAN."""
    match = _IBAN_CANDIDATE.match(text, start)
    if match is None:
        return None
    ends = [start + group.end() for group in re.finditer(r"[A-Za-z0-9]+", match.group())]
    for end in reversed(ends):
        signs = _signs_of(text[start:end])
        if _SHORTEST_IBAN <= len(signs) <= _LONGEST_IBAN and is_mod_97(signs):
            return start, end
    return None


def _registered_ibans(text: str) -> Iterator[Span]:
    position = 0
    while (match := _IBAN_CANDIDATE.search(text, position)) is not None:
        end = _end_of_iban(text, match)
        if end is None:
            position = match.start() + 2
            continue
        yield match.start(), end
        position = end


def _end_of_iban(text: str, match: re.Match[str]) -> int | None:
    length = IBAN_LENGTHS.get(match.group()[:2].upper())
    if length is None:
        return None
    signs = list(_IBAN_SIGN.finditer(text, match.start(), match.end()))
    if len(signs) < length:
        return None
    end = signs[length - 1].end()
    if text[end : end + 1].isalnum():
        return None
    return end if is_iban("".join(sign.group() for sign in signs[:length])) else None


_SCAN_GAP = rb"(?:[ .+/_-]|  |\xc2\xa0|\xe2\x80[\x80-\xaf]|%20)?"
# Countries whose letters are hexadecimal digits too; their account numbers begin with digits, unlike a UUID's groups.
_HEXADECIMAL = any_of(*(name.lower().encode() for name in sorted(IBAN_LENGTHS) if set(name) <= set("ABCDEF")))
_OTHERS = any_of(*(name.lower().encode() for name in sorted(IBAN_LENGTHS) if not set(name) <= set("ABCDEF")))

IBAN = Detector(
    name="iban",
    scan=BEFORE_WORD
    + any_of(
        _HEXADECIMAL + rb"[0-9]{2}(?:" + _SCAN_GAP + rb"[0-9]){8}(?:" + _SCAN_GAP + rb"[0-9a-z]){3}",
        _OTHERS + rb"[0-9]{2}(?:" + _SCAN_GAP + rb"[0-9a-z]){11}",
    )
    + rb"|"
    + BEFORE_WORD
    + rb"[a-z]{2}[0-9]{2}[ -]?[a-z]{4}[ -]?[0-9](?:[ -]?[0-9]){9}"
    + rb"|iban[^0-9]{0,24}[a-z]{2}[0-9]{2}"
    + _SCAN_GAP
    + rb"[0-9a-z]",
    find=_ibans,
    keep_last=4,
    normalise=lambda value: re.sub(r"[^A-Za-z0-9]", "", value).upper(),
    examples=(
        "GB82WEST12345698765432",
        "GB82 WEST 1234 5698 7654 32",
        "gb82 west 1234 5698 7654 32 please",
        "iban=DE89370400440532013000&x",
        "DE89-3704-0044-0532-0130-00",
        "DE89.3704.0044.0532.0130.00",
        "DE89/3704/0044/0532/0130/00",
        "DE89  3704  0044  0532  0130  00",
        "DE89_3704_0044_0532_0130_00",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NO93 8601 1117 947",
        "to\nNL91ABNA0417164300.",
        "BE68+5390+0754+7034",
        "IBAN: AR98 UQVW 0605 9633 9307 3281 0979",
        "gb39-tifs-9177-7332-1679-2",
        "TO CO03DCAU4675204764217",
        "IBAN is TH800041776100 here",
        "iban=AR98UQVW06059633930732810979 status=ok",
    ),
    counter_examples=(
        "GB82WEST12345698765433",
        "GB82WEST1234569876543",
        "DE8937040044053201300012",
        "be680817a5390075470340bb",
        "XX82WEST12345698765432",
        "AB12CD34EF56GH78",
        "AR98UQVW06059633930732810978",
        "IBAN: AR98UQVW06059633930732810970",
        "TH800041776100",
        "iban is missing",
    ),
)
