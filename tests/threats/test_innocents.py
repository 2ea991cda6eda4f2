"""Nothing is flagged in what ordinary people, browsers and crawlers send."""

# ruff: noqa: E501, SIM905  # samples stand as they are sent

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from urllib.parse import quote_plus, urlencode

from aura_logging.threats import inspect

INNOCENTS = Path(__file__).with_name("innocents.txt").read_text("utf-8").splitlines()
AGENTS = Path(__file__).with_name("agents.txt").read_text("utf-8").splitlines()
WORDS = (
    "time year people way day man thing woman life child world school state family student group country problem hand "
    "part place case week company system program question work number night point home water room mother area money "
    "story fact month lot right study book eye job word business issue side kind head house service friend father power "
    "select union where having order group update drop insert delete from into like and or not in is between exec table "
    "index view create alter sleep cat echo script alert image frame object form input style link meta base curl ping "
    "date find sort tail more less type set host who null true false count user password version database concat char if"
).split()
NAMES = ["James", "O'Brien", "Seán", "D'Angelo", "Jean-Luc", "Zoë", "Nguyễn", "王伟", "Мария", "N'Golo", "Smith; Jones"]


def say(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(words))


def sentence(rng: random.Random) -> str:
    end = rng.choice([".", "!", "?", "...", " :)", " <3", " (really)", ", isn't it?", " - ok?", ""])
    return say(rng, rng.randint(3, 14)).capitalize() + end


def word_salad(rng: random.Random) -> str:
    """Words of SQL among others, quoted, in brackets, and punctuated by chance."""
    words = []
    for _ in range(rng.randint(3, 14)):
        word = rng.choice([rng.choice(WORDS), rng.choice(WORDS).upper(), str(rng.randint(0, 99))])
        word = rng.choice([word] * 12 + [f"'{word}'", f'"{word}"', f"({word})", f"\"'{word}'\""])
        words.append(word + rng.choice([""] * 8 + [",", ".", ";", ":", "!", "?", " -", "...", "'s"]))
    return " ".join(words)


def letter(rng: random.Random) -> str:
    """Return several lines with quotes, numbers, bullets and names of programs where an attack would have them."""
    lines = [
        f"Subject: Re: {word_salad(rng)}",
        f"Hi {rng.choice(NAMES)}, here is what we have said about the {say(rng, 1)}:",
        f"'{say(rng, 1)}' and '{say(rng, 1)}' are {say(rng, 1)}; it's {rng.randint(1, 9)} or {rng.randint(1, 9)}",
        f"{say(rng, 1)} & {say(rng, 1)} | {rng.choice(['echo', 'curl', 'cat', 'ping'])}",
        f"* [{word_salad(rng)}](https://example.com/{say(rng, 1)})",
        f"1. `{say(rng, 1)}`; {rng.choice(['curl', 'type', 'cat'])} {rng.randint(2, 9)} {say(rng, 2)}",
        f"```\r\n{say(rng, 1)} = {say(rng, 1)}({rng.randint(0, 9)})\r\n```",
        f"> {rng.choice(NAMES)}'s {say(rng, 1)} = {say(rng, 1)}\r\n-- ",
    ]
    return "\r\n".join(lines[:2] + rng.sample(lines[2:], 4))


def form_value(rng: random.Random) -> str:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!@#$%^&*()_+-"
    return rng.choice(
        [
            lambda: sentence(rng),
            lambda: word_salad(rng),
            lambda: letter(rng),
            lambda: "\r\n".join(sentence(rng) for _ in range(3)),
            lambda: f"{rng.choice(NAMES)} {rng.choice(NAMES)} and Sons",
            lambda: (
                f"{rng.randint(1, 999)}{rng.choice(['', '/2', 'A', '-4'])} {say(rng, 1).title()} St., Apt #{rng.randint(1, 99)}"
            ),
            lambda: f"{say(rng, 1)}.o'{say(rng, 1)}@example.com",
            lambda: "".join(rng.choice(letters) for _ in range(rng.randint(8, 16))),
            lambda: (
                f'{rng.randint(1, 99)}" x {rng.randint(1, 99)}" and {rng.randint(1, 9)}\'{rng.randint(0, 11)}" {say(rng, 1)}'
            ),
            lambda: base64.b64encode(rng.randbytes(rng.randint(9, 60))).decode(),
            lambda: json.dumps({say(rng, 1): sentence(rng), "list": [1, 2, rng.choice(NAMES)], "none": None}),
            lambda: (
                f"https://www.{say(rng, 1)}.example/{say(rng, 1)}/?{say(rng, 1)}={say(rng, 1)}&page={rng.randint(1, 9)}#x"
            ),
            lambda: (
                f"# {say(rng, 3)}\n\n* {sentence(rng)}\n* [{say(rng, 2)}](https://example.com/a)\n\n**{say(rng, 2)}**"
            ),
            lambda: f"/{say(rng, 1)}/{say(rng, 1)}/{say(rng, 1)}.html",
            lambda: f'"{say(rng, 1)}" and "{say(rng, 2)}" -{say(rng, 1)}',
            lambda: f"{say(rng, 1)}'s {say(rng, 2)} & {say(rng, 1)}; then {say(rng, 3)}",
            lambda: f"${rng.randint(1, 9)},{rng.randint(100, 999)}.{rng.randint(10, 99)} ({rng.randint(1, 99)}% off)",
            lambda: rng.choice(INNOCENTS),
            lambda: (
                f'{rng.choice(["site", "intitle", "author", "is", "in"])}:{say(rng, 1)} ("{say(rng, 2)}" OR {say(rng, 1)}) '
                f"AND -{say(rng, 1)} price:[{rng.randint(1, 9)} TO {rng.randint(10, 99)}] {say(rng, 1)}*"
            ),
            lambda: (
                f'<p>{sentence(rng)} <a href="https://example.com/{say(rng, 1)}">{say(rng, 2)}</a></p><p><b>{say(rng, 1)}</b></p>'
            ),
            lambda: (
                f"Why does `{say(rng, 1)}({say(rng, 1)})` return {rng.choice(['None', 'null', '0'])}?\r\n```\r\n{say(rng, 1)} = {say(rng, 1)}\r\n```"
            ),
            lambda: (
                f"From: {rng.choice(NAMES)} <{say(rng, 1)}@example.com>\r\nTo: me\r\nSubject: {say(rng, 3)}\r\n\r\n{sentence(rng)}"
            ),
            lambda: (
                f"color: #{rng.randint(100, 999)}; margin: 0 {rng.randint(1, 9)}px; width: calc(100% - {rng.randint(1, 9)}px)"
            ),
        ]
    )()


def browser(rng: random.Random) -> str:
    platform = rng.choice(
        [
            "Windows NT 10.0; Win64; x64",
            "Macintosh; Intel Mac OS X 10_15_7",
            "X11; Ubuntu; Linux x86_64; rv:128.0",
            "iPhone; CPU iPhone OS 17_5 like Mac OS X",
            "Linux; Android 14; SM-S918B Build/UP1A.231005.007; wv",
            "PlayStation; PlayStation 5/6.50",
            "compatible; MSIE 10.0; Windows NT 6.2; WOW64; Trident/6.0; .NET4.0E; .NET4.0C",
            "SMART-TV; LINUX; Tizen 6.0",
        ]
    )
    engine = rng.choice(
        [
            f"AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{rng.randint(60, 130)}.0.0.0 Safari/537.36",
            f"Gecko/20100101 Firefox/{rng.randint(60, 130)}.0",
            "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1 [FBAN/FBIOS;FBDV/iPhone14,5]",
            f"AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{rng.randint(60, 130)}.0 Safari/537.36 Edg/{rng.randint(60, 130)}.0 OPR/9",
        ]
    )
    return f"Mozilla/5.0 ({platform}) {engine}"


def crawler(rng: random.Random) -> str:
    name = rng.choice(
        "Googlebot bingbot YandexBot DuckDuckBot Baiduspider AhrefsBot SemrushBot MJ12bot DotBot PetalBot Applebot GPTBot "
        "ClaudeBot CCBot facebookexternalhit Twitterbot LinkedInBot Slackbot-LinkExpanding WhatsApp TelegramBot Pinterestbot "
        "UptimeRobot Pingdom.com_bot StatusCake Site24x7 NewRelicPinger Datadog/Synthetics archive.org_bot Amazonbot "
        "ZoominfoBot SeznamBot Screaming-Frog-SEO-Spider W3C_Validator Nutch heritrix Scrapy ia_archiver CensysInspect".split()
    )
    version = f"{rng.randint(1, 9)}.{rng.randint(0, 99)}"
    return rng.choice(
        [
            f"Mozilla/5.0 (compatible; {name}/{version}; +http://www.example.com/{name.lower()}.html)",
            f"{name}/{version} (+https://example.com/bot; bot@example.com)",
            f"{name} {version}",
            f"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; {name}/{version}; https://example.com/) Chrome/120 Safari/537.36",
            f"python-requests/2.{rng.randint(1, 32)}.0",
            f"curl/8.{rng.randint(0, 9)}.0",
            f"Go-http-client/{version}",
            f"okhttp/4.{rng.randint(0, 12)}.0",
            f"Java/17.0.{rng.randint(1, 12)}",
            f"Wget/1.{rng.randint(10, 25)}",
        ]
    )


def test_nothing_is_found_in_texts_that_only_look_like_attacks() -> None:
    for text in (
        line.encode().decode("unicode_escape").encode("latin-1").decode() if "\\n" in line or "\\r" in line else line
        for line in INNOCENTS
    ):
        for part in (text, "q=" + quote_plus(text)):
            assert inspect({"query": part}) == [], text
        assert inspect({"body": {"text": text}}) == [], text


def test_nothing_is_found_in_ordinary_form_values() -> None:
    rng = random.Random(20_000)
    for _ in range(5_000):
        values = {"a": form_value(rng), "b": form_value(rng)}
        assert inspect({"query": urlencode(values)}) == [], values
        assert inspect({"body": values}) == [], values


def test_nothing_is_found_in_browsers_and_crawlers() -> None:
    rng = random.Random(2_800)
    for agent in [*AGENTS, *(browser(rng) for _ in range(800)), *(crawler(rng) for _ in range(2_000))]:
        assert inspect({"path": "/", "query": "", "user-agent": agent}) == [], agent


def test_nothing_is_found_in_what_cookies_and_addresses_ordinarily_hold() -> None:
    headers = {
        "cookie": "_ga=GA1.2.1234567890.1700000000; consent={stamp:%27abc%27%2Cnecessary:true}; theme=dark; "
        "landing=https%3A%2F%2Fexample.com%2Fa%3Fb%3Dc; tz=Europe/Berlin; flash=%5B%5B%22ok%22%2C%22It%27s%20saved%22%5D%5D",
        "referer": "http://localhost:8000/admin/login/?next=/admin/",
        "host": "localhost:8000",
        "origin": "http://127.0.0.1:3000",
        "x-forwarded-for": "203.0.113.7, 10.0.0.1",
        "x-forwarded-host": "intranet:8080",
    }
    assert inspect(headers) == []
