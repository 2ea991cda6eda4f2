"""Values as people and forms write them are found wherever they stand; what merely looks like them is left alone.

Both sides are generated: values from the issuers' own rules, innocents from the formats of logs.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from html import escape
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aura_logging.privacy import Scrubber
from aura_logging.privacy.checksums import IBAN_LENGTHS, luhn

SCRUBBER = Scrubber()

# Where a value stands, and how it is written there.
PLACES: dict[str, Callable[[str, str], tuple[str, str]]] = {
    "alone": lambda value, name: (value, value),
    "sentence": lambda value, name: (f"Hi, my {name} is {value}, please change it.", value),
    "end of sentence": lambda value, name: (f"Reach me under {value}.", value),
    "quoted": lambda value, name: (f'the value "{value}" was refused', value),
    "curly quotes": lambda value, name: (f"the value \u201c{value}\u201d was refused", value),
    "dict": lambda value, name: (f"{{'id': 7, '{name}': '{value}'}}", value),
    "json": lambda value, name: (json.dumps({name: value, "n": 1}), json.dumps(value)[1:-1]),
    "json in json": lambda value, name: (
        json.dumps({"body": json.dumps({name: value})}),
        json.dumps(json.dumps(value)[1:-1])[1:-1],
    ),
    "csv": lambda value, name: (f"jane,{value},active", value),
    "semicolons": lambda value, name: (f"jane;{value};active", value),
    "tabs": lambda value, name: (f"jane\t{value}\tactive", value),
    "table": lambda value, name: (f"| {value} | active |", value),
    "xml": lambda value, name: (f"<{name}>{escape(value)}</{name}>", escape(value)),
    "query": lambda value, name: (f"GET /u?{name}={quote_plus(value)}&page=2 HTTP/1.1", quote_plus(value)),
    "escaped query": lambda value, name: (f"/u?{name}={quote(value, safe='')}&page=2", quote(value, safe="")),
    "key and value": lambda value, name: (f"{name}={value} status=ok", value),
    "next line": lambda value, name: (f"{name}:\n{value}\nactive", value),
    "brackets": lambda value, name: (f"user [{value}] ({value})", value),
    "sql": lambda value, name: (f"INSERT INTO u (id, {name}) VALUES (17, '{value}')", value),
}

digits = st.integers(0, 9).map(str)


def numbers(count: int) -> st.SearchStrategy[str]:
    return st.integers(0, 10**count - 1).map(lambda number: f"{number:0{count}}")


def with_check_digit(body: str) -> str:
    return next(body + digit for digit in "0123456789" if luhn(body + digit))


def grouped(value: str, sizes: tuple[int, ...], gap: str) -> str:
    pieces = []
    for size in sizes:
        pieces.append(value[:size])
        value = value[size:]
    return gap.join(pieces)


GAPS = st.sampled_from(["", " ", "-", "\u00a0", "\u2011", "\u2013", "\u202f", "."])


@st.composite
def cards(draw: st.DrawFn) -> str:
    prefix, length, sizes = draw(
        st.sampled_from([
            ("4", 16, (4, 4, 4, 4)), ("51", 16, (4, 4, 4, 4)), ("2720", 16, (4, 4, 4, 4)), ("37", 15, (4, 6, 5)),
            ("6011", 16, (4, 4, 4, 4)), ("36", 14, (4, 6, 4)), ("3530", 16, (4, 4, 4, 4)), ("62", 16, (4, 4, 4, 4)),
            ("6304", 16, (4, 4, 4, 4)), ("2200", 16, (4, 4, 4, 4)), ("65", 16, (4, 4, 4, 4)),
        ])
    )  # fmt: skip
    number = with_check_digit(prefix + draw(numbers(length - len(prefix) - 1)))
    return grouped(number, sizes, draw(GAPS))


@st.composite
def ssns(draw: st.DrawFn) -> str:
    area = draw(st.integers(1, 899).filter(lambda number: number != 666))
    gap = draw(GAPS.filter(lambda gap: gap not in ("", "\u202f")))
    return f"{area:03}{gap}{draw(st.integers(1, 99)):02}{gap}{draw(st.integers(1, 9999)):04}"


@st.composite
def ibans(draw: st.DrawFn) -> str:
    country = draw(st.sampled_from(sorted(IBAN_LENGTHS)))
    account = draw(numbers(IBAN_LENGTHS[country] - 4))
    check = 98 - int("".join(str(int(sign, 36)) for sign in f"{account}{country}00")) % 97
    whole = f"{country}{check:02}{account}"
    gap = draw(GAPS.filter(lambda gap: gap != "\u202f"))
    written = gap.join(whole[at : at + 4] for at in range(0, len(whole), 4))
    return draw(st.sampled_from([written, written.lower()]))


atoms = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
emails = st.builds(
    lambda first, sign, last, host, top: f"{first}{sign}{last}@{host}.{top}",
    atoms,
    st.sampled_from([".", "_", "-", "+", ""]),
    atoms,
    st.sampled_from(["example", "mail.example", "exa-mple", "m\u00fcller"]),
    st.sampled_from(["com", "org", "co.uk", "de", "museum"]),
)

# As the countries' numbering plans, libphonenumber and forms write them; N is 2-9.
PHONES = (
    "(N##) N##-####", "N##-N##-####", "N##.N##.####", "+1 N## N## ####", "+1-N##-N##-####", "1-N##-N##-####",
    "+1 (N##) N##-####", "N##-N##-#### x###", "(N##) N##-#### ext. ##", "+44 20 #### ####", "+44 (0)20 #### ####",
    "020 #### ####", "07### ######", "+49 30 ########", "030 ########", "+49 (0) 30 #######", "+33 6 ## ## ## ##",
    "06 ## ## ## ##", "+39 06 ########", "+34 6## ### ###", "6## ## ## ##", "+31 6 ########", "+41 44 ### ## ##",
    "044 ### ## ##", "+43 1 #######", "+48 5## ### ###", "+420 6## ### ###", "+7 9## ###-##-##", "8 (9##) ###-##-##",
    "+55 11 9####-####", "(11) 9####-####", "+91 98### #####", "+86 138 #### ####", "+81 90-####-####", "090-####-####",
    "+61 4## ### ###", "04## ### ###", "(02) #### ####", "+972 2-###-####", "+90 532 ### ## ##", "+46 8 ### ### ##",
    "+47 4## ## ###", "+45 ## ## ## ##", "+353 1 ### ####", "00 44 20 #### ####", "+3#########", "+1##########",
)  # fmt: skip


@st.composite
def phones(draw: st.DrawFn) -> str:
    shape = draw(st.sampled_from(PHONES))
    return "".join(
        draw(digits) if sign == "#" else str(draw(st.integers(2, 9))) if sign == "N" else sign for sign in shape
    )


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("values", "names"),
    [
        pytest.param(cards(), ("card", "value"), id="cards"),
        pytest.param(ssns(), ("ssn", "value"), id="ssns"),
        pytest.param(ibans(), ("iban", "value"), id="ibans"),
        pytest.param(emails, ("email", "value"), id="emails"),
        pytest.param(phones(), ("phone", "value"), id="phones"),
    ],
)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_value_goes_as_a_whole_wherever_it_stands(
    data: st.DataObject, values: st.SearchStrategy[str], names: tuple[str, ...], place: str
) -> None:
    value, name = data.draw(values), data.draw(st.sampled_from(names))
    text, written = PLACES[place](value, name)

    taken = {at for found in SCRUBBER.find(text) for at in range(found.start, found.end)}

    at = text.find(written)
    while at >= 0:
        kept = [sign for place, sign in enumerate(written, at) if place not in taken and sign.isalnum()]
        assert not kept, text
        at = text.find(written, at + 1)
    assert SCRUBBER.engine.suspects(orjson.dumps({"message": text}))


@st.composite
def innocents(draw: st.DrawFn) -> str:
    number = draw(st.integers(0, 2**63))
    moment = draw(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)))
    few = draw(st.lists(st.integers(0, 255), min_size=8, max_size=8))
    hexadecimal = f"{number:032x}"
    assume(few[0] > 9)
    return draw(
        st.sampled_from([
            moment.isoformat(), f"{moment:%d/%b/%Y:%H:%M:%S} +0000", f"{moment:%d.%m.%Y %H:%M}", f"{moment:%m/%d/%Y}",
            f"{moment:%Y%m%d%H%M%S}", f"{number % 10**9 + 10**9}", f"{number % 10**12 + 10**12}",
            str(uuid.UUID(int=number * 2**64 + number)), hexadecimal, hexadecimal.upper(), hexadecimal[-7:],
            ".".join(map(str, few[:4])), ":".join(f"{byte:02x}" for byte in few[:6]), " ".join(f"{b:02x}" for b in few),
            f"{number % 90}.{number % 10**6:06}, -{number % 180}.{number % 10**5:05}", f"v{few[0]}.{few[1]}.{few[2]}",
            f"ORD-{number % 10**8}", f"INV-{few[0] + 1900}-{number % 10**5:05}", f"{few[0] * 10}x{few[1] * 10}",
            f"{number % 10**7:,}.{few[0] % 100:02}", f"{few[0]}/{few[1]} ({few[2]} %)", str(number / 10**9),
            f"RR {number % 1000:03} {few[1]:03} {few[2]:03} DE", f"SKU-{few[0]:03}-{few[1]:03}-{number % 10**4:04}",
            f"pid {number % 99999} tid {140 * 10**12 + number % 10**12}", f"00-{hexadecimal}-{hexadecimal[:16]}-01",
        ])
    )  # fmt: skip


@pytest.mark.parametrize("form", ["{}", "id={}", "[{}] done in 12 ms", '{{"key": "{}"}}', "value {}, then more."])
@settings(max_examples=150, deadline=None)
@given(innocent=innocents())
def test_what_merely_looks_like_a_value_is_left_alone(innocent: str, form: str) -> None:
    text = form.format(innocent)

    assert SCRUBBER.find(text) == []
