"""Find telephone numbers by the way they are written; a bare run of digits is none.

What makes digits a telephone number, in any country: a plus and a country code; brackets around an area code; the
North American 3-3-4; a leading zero and groups; or a word like "phone" before them. Dates, coordinates, columns of
numbers and ids have shapes of their own and are told apart by them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aura_logging.privacy.checksums import is_isbn10
from aura_logging.privacy.detector import Detector, Span
from aura_logging.privacy.numbers_in_text import is_column_of_numbers, is_in_uuid
from aura_logging.privacy.phone_words import (
    EXTENSION,
    MARK,
    SCAN_WORD,
    WIDE,
    is_of_ids,
    numbers_with_words,
    whole_number,
)
from aura_logging.privacy.scan_syntax import BEFORE_DIGIT, ESCAPED, GAP, PUNCTUATION, any_of

__all__ = ["PHONE"]

_GAP = rf"[ .\-+{WIDE}]"
_START = r"(?<![0-9])(?<![0-9][.,:/\-])"
# Neither the middle of an address of hardware: "04-90-29-16-A0-69".
_STOP = r"(?![0-9]|[-.:/][0-9]|-[Xx]|-[0-9A-Fa-f]{2}(?![0-9A-Za-z]))"

_GROUPS = re.compile(r"[0-9]+")
_DIGIT = re.compile(r"[0-9]")
_DATE = re.compile(
    r"[0-9]{1,2}([-./ ])[0-9]{1,2}\1(?:19|20)[0-9]{2}(?![0-9])|(?:19|20)[0-9]{2}([-./ ])[0-9]{1,2}\2[0-9]{1,2}(?![0-9])"
    r"|[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}[-.][0-9]{2}"
)
# A ZIP code with its four more digits, an employer's number for US taxes, a drug's code, and a supply's.
_OF_US_FORMS = re.compile(
    r"0[0-9]{4}-[0-9]{4}|0[1-7]-[0-9]{7}|0[0-9]{3}-[0-9]{4}-[0-9]{2}|0[0-9]{4}-[0-9]{3,4}-[0-9]{2}"
    r"|0[0-9]{3}-[0-9]{2}-[0-9]{3}-[0-9]{4}"
)
_DECIMAL = re.compile(r"\+[0-9]+\.[0-9]+(?:[-+,][0-9].*| [0-9]{1,3}\.[0-9]+)?")
_PADDED_DECIMAL = re.compile(r"0[0-9]+\.[0-9]+")
# "649 372 708 EUR" is a sum, "649 372 708 bytes" a size.
_UNIT = re.compile(
    r"[ \u00a0\u202f]?(?:[€$£¥%]|(?:EUR|USD|GBP|CHF|PLN|CZK|SEK|NOK|DKK|HUF|RON|RUB|JPY|Kč|zł|kr|Ft"
    r"|[kKMGT]?i?B|bytes|rows|records|items|lines|tokens|ms|ns|[uµ]s|sec|seconds|steps)(?!\w))"
)
# "ZZC-500-137-7430" is a part number.
_PART_NUMBER = re.compile(r"(?<![a-z])[A-Z]{2,6}-$")
_YEARS = re.compile(r"(?:19|20)[0-9]{2}-(?:19|20)[0-9]{2}$")


def _digits(number: str) -> str:
    return "".join(_DIGIT.findall(number))


def _international(match: re.Match[str]) -> bool:
    # E.164, 1.1: at most fifteen digits; an extension may follow. "+51.507400" is a coordinate.
    number = match["number"]
    return 8 <= len(_digits(number)) <= 16 and _DECIMAL.fullmatch(number) is None


def _dialled_00(match: re.Match[str]) -> bool:
    return 10 <= len(_digits(match["number"])) <= 17 and not _in_columns(match)


def _north_american(match: re.Match[str]) -> bool:
    area, gap, exchange = match["area"], match["gap"], match["exchange"]
    if area is None:
        return True
    if gap == "-" and _PART_NUMBER.search(match.string, max(0, match.start() - 8), match.start()):
        return False
    if gap in " +":
        # 3-3-4 with spaces is also how a status, a size and a time stand side by side.
        return area > "2" and exchange > "2" and not _in_columns(match)
    return bool(gap == match["gap2"] or area > "2")


def _national(match: re.Match[str]) -> bool:
    number = match.group()
    count = len(_digits(number))
    enough = 9 <= count <= 13 or (count == 8 and len(_GROUPS.findall(number)) > 3)
    known_else = _DATE.search(number) or _OF_US_FORMS.fullmatch(number) or _PADDED_DECIMAL.fullmatch(number)
    return enough and not known_else and not _in_columns(match)


def _paired(match: re.Match[str]) -> bool:
    is_sum = _UNIT.match(match.string, match.end()) is not None
    return not is_sum and _YEARS.search(match.group()) is None and not _in_columns(match)


def _bare(match: re.Match[str]) -> bool:
    number = match.group()
    return number not in "01234567890123" and not (len(number) == 10 and is_isbn10(number))


def _in_columns(match: re.Match[str]) -> bool:
    return is_column_of_numbers(match.string, match.start(), match.end())


@dataclass(frozen=True, slots=True)
class _Shape:
    """One way to write a number, and the question that tells it from its double."""

    pattern: re.Pattern[str]
    accept: Callable[[re.Match[str]], bool]


# Groups of digits that are telephone numbers where they are used, and little else anywhere.
_GROUPED = (
    r"[1-9][0-9][ -]9?[0-9]{4}-[0-9]{4}",  # Brazil, Japan
    r"1[3-9][0-9][ -][0-9]{4}[ -][0-9]{4}",  # China, mobile
    r"[6-9][0-9]{4}[ -][0-9]{5}",  # India, mobile
    r"(?<![A-Za-z])(?<![0-9A-Za-z]-)0[ -][0-9]{4}[ -][0-9]{4}",  # Thailand
    r"[78][ -]?\([0-9]{3}\)[ -]?[0-9]{3}[ -][0-9]{2}[ -]?[0-9]{2}",  # Russia
    r"[78][ -][3-9][0-9]{2}[ -][0-9]{3}[ -][0-9]{2}[ -]?[0-9]{2}",  # Russia
    r"(?:[(]?06[)]?[ -]?)?[(]?[1-9][0-9]?[)]?/[0-9]{3}[ -][0-9]{4}",  # Hungary
    r"[(](?:3[578][0-9]|42[013]|9[679][0-9])[)][ -]?[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}",  # a country's code in brackets
    r"[2-9][0-9](?: [0-9]{2}){3}",  # Norway, Denmark, Monaco
    r"[49][0-9]{2} [0-9]{2} [0-9]{3}",  # Norway, mobile
    # Poland, Spain, Portugal: mobile ranges only, for three by three is also how thousands are set apart.
    r"(?:4[58]|50(?=[5-9])|5[1379]|6[0-9]|7[0-9]|88|9[1-36])[0-9](?P<nine>[ -])[0-9]{3}(?P=nine)[0-9]{3}",
    r"(?:(?<![0-9A-Za-z.,-])(?:0|57|90) )?[1-9][0-9]{2} [0-9]{3} [0-9]{2} [0-9]{2}",  # Colombia, Turkey
    r"[679][0-9]{2} [0-9]{2} [0-9]{2} [0-9]{2}",  # Spain
    r"[1-9][0-9] [0-9]{3} [0-9]{2} [0-9]{2}",  # Poland
)

_SHAPES = (
    _Shape(
        re.compile(
            rf"(?<![0-9A-Za-z+])(?P<number>(?:\((?=\+[0-9 ]{{1,5}}\)))?\+ ?"
            rf"(?:\([0-9]{{1,3}}\)|[1-9])(?:{MARK}{{0,3}}[0-9]){{6,15}})(?![0-9])" + EXTENSION
        ),
        _international,
    ),
    _Shape(
        re.compile(
            rf"{_START}(?<![A-Za-z])(?<![A-Z]-)"
            rf"(?P<number>00[ +-]?[1-9][0-9]{{0,2}}(?:{MARK}{{1,2}}[0-9]{{1,8}}){{1,6}})(?![0-9]){EXTENSION}"
        ),
        _dialled_00,
    ),
    _Shape(
        re.compile(
            rf"{_START}(?:[0-9]{{1,3}}{_GAP}{{1,2}}|1(?=\())?"
            rf"(?:\([0-9]{{3}}\){_GAP}{{0,2}}(?P<exchange0>[0-9]{{3}}){_GAP}?"
            rf"|(?P<area>[0-9]{{3}})(?P<gap>{_GAP}|/)(?P<exchange>[0-9]{{3}})(?P<gap2>{_GAP}))[0-9]{{4}}{_STOP}{EXTENSION}"
        ),
        _north_american,
    ),
    _Shape(
        re.compile(
            rf"(?<![0-9A-Za-z])(?<![0-9][.,:/+])(?<![0-9A-Za-z]-)(?:\(0[1-9][0-9]{{0,4}}\)"
            rf"|0[1-9][0-9]{{0,4}}(?={_GAP}| ?/))(?:{_GAP}{{0,2}}| ?/ ?)[0-9]{{2,8}}"
            rf"(?:{_GAP}[0-9]{{2,5}}){{0,4}}{_STOP}(?![A-Za-z])"
        ),
        _national,
    ),
    _Shape(
        re.compile(
            # 8 is what Russia dials in front.
            rf"{_START}(?:8{_GAP}?)?\([1-9][0-9]{{1,2}}\){_GAP}?[0-9]{{3,5}}{_GAP}[0-9]{{2,4}}(?:{_GAP}[0-9]{{2}})?{_STOP}"
        ),
        _national,
    ),
    _Shape(re.compile(rf"{_START}(?:{'|'.join(_GROUPED)}){_STOP}"), _paired),
)

# A trunk prefix and nothing else: 07911123456. Ids that begin with one zero are the price, book numbers are not.
_TRUNK_ZERO_BARE = re.compile(r"(?<![^\s(\"'<,;])0[1-9][0-9]{8,9}(?![^\s)\"'>,;.!?]|\.[0-9])")


def _phones(text: str, field: str) -> Iterator[Span]:
    spans: list[Span] = []
    if not is_of_ids(field):
        if (whole := whole_number(text, field)) is not None:
            spans.append(whole)
        spans.extend(match.span() for match in _TRUNK_ZERO_BARE.finditer(text) if _bare(match))
    for shape in _SHAPES:
        spans.extend(match.span() for match in shape.pattern.finditer(text) if shape.accept(match))
    spans.extend(numbers_with_words(text))
    end = -1
    for span in sorted(spans, key=lambda found: (found[0], -found[1])):
        if span[0] >= end and not is_in_uuid(text, *span):
            yield span
            end = span[1]


_S = rb"(?:[ +-]|%20)"
_OPEN, _CLOSE = rb"(?:\(|%28)", rb"(?:\)|%29)"


def _signs(count: int) -> bytes:
    return rb"(?:[0-9]|" + PUNCTUATION + rb"){%d}" % count


_BEFORE_TRUNK = rb"(?:^|[^0-9a-z.,:/+-]|(?:^|[^0-9])[.,:/+]|(?:^|[^0-9a-z])-|\\[nrtbf]|" + ESCAPED + rb"[.,:/+-]?)"
PHONE = Detector(
    name="phone",
    # Where a shape takes separators freely, its signs are counted and not its digits: that keeps the automaton small
    # when a line is full of numbers.
    scan=any_of(
        rb"(?:\+|%2b)(?:[ +]|%20)?" + _OPEN + rb"?[0-9]" + _signs(7),
        _BEFORE_TRUNK + any_of(_OPEN + rb"?0[1-9]" + _signs(8), rb"0" + _S + rb"[0-9]{4}" + _S + rb"[0-9]{4}"),
        BEFORE_DIGIT
        + any_of(
            rb"00" + _S + rb"?[1-9]" + _signs(8),
            rb"[0-9]{3}(?:" + GAP + rb"|/)[0-9]{3}" + GAP + rb"[0-9]{2}(?:[0-9]|" + GAP + rb"[0-9]{2})",
            rb"[0-9]{2}" + _S + rb"9?[0-9]{3}(?:[0-9]-[0-9]{4}|" + _S + rb"[0-9]{2}" + _S + rb"[0-9]{2})",
            rb"[0-9]{3}" + _S + rb"[0-9]{4}" + _S + rb"[0-9]{4}",
            rb"[0-9]{5}" + _S + rb"[0-9]{5}",
            rb"[0-9]{3}(?:" + _S + rb"[0-9]{2}){3}",
            rb"[1-9][0-9]?" + _CLOSE + rb"?/[0-9]{3}" + _S + rb"[0-9]{4}",
            rb"[2-9][0-9]" + _S + rb"[0-9]{2}" + _S + rb"[0-9]{2}" + _S + rb"[0-9]{2}",
            rb"[49][0-9]{2}" + _S + rb"[0-9]{2}" + _S + rb"[0-9]{3}",
            rb"[78]"
            + _S
            + rb"?(?:"
            + _OPEN
            + rb"|[3-9])[0-9]{2,3}(?:"
            + _CLOSE
            + rb")?"
            + _S
            + rb"?[0-9]{3}"
            + _S
            + rb"[0-9]{2}",
        ),
        rb"[0-9]{3}" + _CLOSE + GAP + rb"{0,2}[0-9]{3}" + GAP + rb"?[0-9]{4}",
        _OPEN + rb"[1-9][0-9]{1,2}" + _CLOSE + GAP + rb"?[0-9]{3,5}" + GAP + rb"[0-9]{2}",
        _OPEN + rb"(?:3[578][0-9]|42[013]|9[679][0-9])" + _CLOSE + GAP + rb"?[0-9]{3}" + GAP + rb"?[0-9]{3}",
        SCAN_WORD + rb"(?:_?[0-9])?[^0-9]{0,32}[0-9]" + _signs(6),
        rb"[0-9]{10} (?:\((?:mobile|cell|phone|tel|fax|home|work)"
        rb"|is (?:my|his|her|their|our|the) (?:phone|cell|mobile|tel))",
        BEFORE_DIGIT + rb"1\.[0-9]{3}\.[0-9]{3}\.[0-9]{4}",
    ),
    find=_phones,
    keep_last=2,
    normalise=_digits,
    examples=(
        "(415) 555-2671",
        "(415)555-2671",
        "415-555-2671",
        "415.555.2671",
        "415 555 2671",
        "is415-555-0132",
        "+1-415-555-2671 ext. 5",
        "+14155552671",
        "1-800-555-0199",
        "1 (415) 555-2671",
        "001-415-555-2671x123",
        "value=00 44 20 7946 0958",
        "91-415-555-0132",
        "+44 20 7946 0958",
        "+44 (0)20 7946 0958",
        "+44(0)116 4960768",
        "020 7946 0958",
        "(0543)-231948",
        "(09075) 116372",
        "0121 496 0026",
        "01 76 30 82 46",
        "08-888 539 33",
        "08-90 10 92",
        "090-6563-2122",
        "09-7625400",
        "0761/123456",
        "07911123456",
        "(11) 98456-5666",
        "61 0308-2462",
        "57-4911-8625",
        "533 186 091",
        "32 895 55 97",
        "138 1234 5678",
        "98765 43210",
        "0-5281-0543",
        "8 (961) 037-98-61",
        "8 961 037 98 61",
        "507 299 254",
        "608 148 03 85",
        "612 34 56 78",
        "03/ 697 02 65",
        "089 / 126 35 92",
        "0 510 307 15 04",
        "Telefon: 4155552671",
        "my number is 4155552671",
        "contact number: 4155552671",
        "My CN number is 13812345678",
        "02290 77242 795",
        "8 399 014 99 17",
        "57 303 024 70 18",
        "89/038 9724",
        "(06)36/324-3654",
        "(351) 913284530",
        "(351) 929 734 103",
        "tlf 79 87 15 30",
        "974 31 067",
        "(+57)3262553503",
        "?tel=%28%2B57%29+605+930+66+43",
        "955-927-7731+x006",
        "+48 572 651 676",
        "+33 6 69 18 05 88",
        "?tel=%2B14155552671",
        "?tel=+1%20415%20555%202671",
        "phone: 4155552671",
        "1.415.555.2671",
        "phone1=4155552671",
        "contactNo=4155552671",
        "contact_number: 4155552671",
        "Telefonnummer: 4155552671",
        "telefono 4155552671",
        "Ph: 4155552671",
        "please call 4155552671",
        "contact her at 4155552671",
        "OTP sent to 4155552671",
        "phone number on file: 4155552671",
        "手机号: 13812345678",
        "4155552671 (mobile)",
        "4155552671 is my phone number",
        "customer_phone=4155552671",
        "call me at 4155552671.",
        "Tel.:\t4155552671",
        "\x01020 7946 0958",
    ),
    counter_examples=(
        "4155552671",
        "1234567890",
        "0123456789",
        "0306406152",
        "2025-11-23 05:41:00",
        "05-11-2025 10:41:22",
        "23.11.2025 0541",
        "2025-11-23T05:41:00+00:00",
        "40.712776, -74.005974",
        "+40.7128-074.0060/",
        "+51.507400",
        "978-0-306-40615-7",
        "0-14-060647-5",
        "0-8077-7359-X",
        "Boston, MA 02108-1234",
        "EIN 04-0771661",
        "9864e1a2-20b5-4262-96a2-d9fab07f16cf",
        "7897470c-2ee2-ad28-3052-2470e1a818c8",
        '"GET / HTTP/1.1" 200 512 1234',
        "pages 12 2024-2025",
        "192.168.100.200",
        "v1.415.555",
        "request 4155552671 done in 12 ms",
        "phone_id: 41555526",
        "hotel 41555526",
        "her number one hit of 1975123456",
        "my order number is 2694614084",
        "size 512 488 123 512",
        "4111 1111 1111 1111",
        "123-45-6789",
        "555-0199",
        "1763876460",
        "00012345678",
        "ZZC-500-137-7430",
        "d8 2b 45 67 17 48 44 76 4a eb 0d 1c 8e",
        "4a 45 67 17 48",
        "parcel GM 088 892 791 VP",
        "(500) 123456789",
        "1/250",
        "row=10 44 15 15 11 2;",
        "x=487 630 242 437&y=2",
        "paid 649 372 708 EUR",
        "read 649 372 708 bytes",
        "05-07-29 21-39-51",
        "NDC 0868-1201-55",
        "NDC 02344-406-10",
        "0326.78876",
        "32U KE 98763 25029",
        "712183c6: 218e 0204 4433 6350 2e7b 2e9a 0693 d10c",
        "total 357\u202f037\u202f120\u202f611;",
        "id=+29.121+7.546086/",
        "04-90-29-16-A0-69",
        'W/"a00118-25606e65c0"',
        "graph 4155552671",
        "call 1763876460 returned",
        "contact 1763876460 updated",
    ),
)
