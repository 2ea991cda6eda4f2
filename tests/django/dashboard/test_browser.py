"""Somebody with a browser reads every page of a seeded site, finds the slow request's cause, and nothing complains."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from seed import HOSTILE, HOSTILE_ID, SLOW_ID  # tests/dashboard_site

from aura_logging.alerts.history import Alert, remember
from aura_logging.alerts.standing import KEY, encoded
from aura_logging.metrics import open_store

ACCESSIBILITY = Path(__file__).with_name("accessibility.js").read_text()
PAGES = {
    "overview": "/aura/",
    "routes": "/aura/routes/?window=7d",
    "route": "/aura/routes/?route=orders/report/",
    "no route": "/aura/routes/?route=never/was/",
    "log": "/aura/logs/?level=WARNING&since=nonsense",
    "nothing found": "/aura/logs/?id=never-was",
    "request": f"/aura/logs/{SLOW_ID}/",
    "no request": "/aura/logs/never-was/",
    "alerts": "/aura/alerts/",
    "workers": "/aura/workers/",
}


def in_seconds(words: str) -> float:
    number, unit = words.split()
    return float(number) / {"s": 1, "ms": 1_000}[unit]


def test_who_logs_in_comes_to_the_page_that_was_asked_for(visitor) -> None:
    page = visitor.open("/aura/?window=24h", user="")

    page.fill("[name=username]", "susan")
    page.fill("[name=password]", "susan")
    page.press("[name=password]", "Enter")

    page.wait_for_url("**/aura/?window=24h")
    assert page.inner_text("h1") == "Overview"
    assert page.inner_text("[aria-label=Time] [aria-current]") == "24 hours"


def test_every_panel_of_the_overview_says_what_was_seeded(visitor) -> None:
    page = visitor.open("/aura/")

    told = {id_: page.inner_text(f"section[aria-labelledby={id_}]") for id_ in (
        "routes", "findings", "security", "volume", "told", "workers", "audit"
    )}  # fmt: skip

    assert page.inner_text(".alarm").startswith("Requests made more than 20 database queries since ")
    figures = dict(zip(page.locator("dt").all_inner_texts(), page.locator("dd").all_inner_texts(), strict=False))
    assert list(figures)[:7] == [
        "Requests per minute", "Failed", "Median", "95th percentile", "99th percentile", "Log lines per minute",
        "Lines lost",
    ]  # fmt: skip
    assert figures["Lines lost"].split() == ["18", "by", "handlers"]
    slowest = page.locator("section[aria-labelledby=routes] tbody tr").first.inner_text().split("\t")
    assert slowest[0] == "orders/report/"
    assert 30 <= int(slowest[6]) <= 70, "the 38 queries that were seeded, as far as buckets tell"
    assert 'add .prefetch_related("lines")' in told["findings"]
    assert "scanner" in told["security"] and "NL" in told["security"]
    assert "firing\nMore than 5 % of all requests failed" in told["told"].replace("\t", "\n")
    assert "sampled_info before async_file\t36.4 k" in told["volume"]
    assert "buffer_full in async_file\t18" in told["volume"]
    assert "gunicorn web-1:4001\talive, healthy\t1 d" in told["workers"]
    assert re.search(r"The newest \d+ entries are what was signed", told["audit"])
    assert page.locator("figure svg[role=img] path.line").count() == 8
    assert page.locator("figure").first.locator("tbody tr").count() >= 10


def test_a_slow_request_is_followed_to_what_to_change(visitor) -> None:
    page = visitor.open("/aura/")

    page.click("section[aria-labelledby=routes] a:text-is('orders/report/')")
    page.wait_for_selector("h1 code:text-is('orders/report/')")
    assert "add .prefetch_related" in page.inner_text("section[aria-labelledby=findings]")
    slowest = page.locator("section[aria-labelledby=slowest] tbody tr")
    taken = [each.split("\t")[2] for each in slowest.all_inner_texts()]
    assert taken == sorted(taken, key=in_seconds, reverse=True)
    page.click(f"section[aria-labelledby=slowest] a[href*='{SLOW_ID}']")
    page.wait_for_selector("h1:text('GET /orders/report/')")

    assert page.title() == "GET /orders/report/ · Aura"
    assert page.inner_text(".sub").startswith("200 · 1.94 s · ")
    assert page.inner_text("section[aria-labelledby=hints] li") == (
        'Order.lines is loaded once per row at orders/views.py:88: add .prefetch_related("lines") (37 queries become 2)'
    )
    busiest = page.inner_text("section[aria-labelledby=busiest] li >> nth=0")
    assert "37 × in 910 ms at orders/views.py:88" in busiest
    assert page.locator(".lines td.level").all_inner_texts() == ["DEBUG", "INFO", "WARNING", "WARNING"]
    assert page.locator(".timeline .mark").count() == 4
    assert page.locator(".times li").all_inner_texts() == ["0 ms", "485 ms", "970 ms", "1.46 s", "1.94 s"]
    page.locator("summary").first.click()
    assert "year\n2026" in page.locator(".lines details").first.inner_text()


def test_lines_are_searched_and_opened_page_by_page(visitor) -> None:
    page = visitor.open("/aura/logs/")

    page.get_by_label("Text").fill("shelf 3 looked")
    page.get_by_label("Route").fill("books/")
    page.keyboard.press("Enter")

    page.wait_for_url("**text=shelf*")
    messages = page.locator(".lines td.wide a").all_inner_texts()
    assert messages and set(messages) == {"shelf 3 looked through"}
    page.get_by_label("Text").fill("finished")
    page.get_by_label("Route").fill("")
    page.click("button:text('Find')")
    page.wait_for_url("**text=finished*")
    first = page.locator(".lines td.wide a").first.get_attribute("href")
    page.click("text=Further back")
    page.wait_for_url("**before=*")
    assert page.locator(".lines tbody tr").count() == 50
    assert page.locator(".lines td.wide a").first.get_attribute("href") != first


def test_an_open_page_tells_what_is_new_until_it_is_paused(visitor, site) -> None:
    page = visitor.open("/aura/alerts/", viewport={"width": 320, "height": 800})
    moved = page.evaluate(
        "(document.querySelector('.scroll').scrollLeft = 40, document.querySelector('.scroll').scrollLeft)"
    )

    with_news = Alert("fresh_news", "firing", "warning", "something new happened", 1.0, 0.0, 1_800_000_000.0)
    store = open_store(f"sqlite:///{site.state}/metrics.db")
    remember(store, [with_news])
    store.close()
    visitor.wait(page)

    page.wait_for_selector("text=Something new happened")
    assert page.evaluate("document.querySelector('.scroll').scrollLeft") == moved > 0, "it stays where it was put"
    assert page.inner_text("#live span") == "Live"
    page.click("#live button")
    visitor.wait(page)
    assert page.inner_text("#live") == "Paused Go on"
    renewed = page.get_attribute("body", "data-renewed")
    page.click("#live button")
    visitor.wait(page)
    page.wait_for_selector(f"body:not([data-renewed='{renewed}'])")


def test_an_alert_that_begins_or_ends_meanwhile_is_told_to_who_cannot_see_it(visitor, site) -> None:
    store = open_store(f"sqlite:///{site.state}/metrics.db")
    fires = store.load(KEY)
    page = visitor.open("/aura/")

    assert store.swap(KEY, fires, encoded({}, []))
    visitor.wait(page)
    page.wait_for_selector("#news:text-is('No alert fires any more')", state="attached")
    assert store.swap(KEY, store.load(KEY), fires)
    visitor.wait(page)

    page.wait_for_selector("#news:text('Requests made more than 20 database queries since ')", state="attached")
    assert page.get_attribute("#news", "role") == "status"
    store.close()


def test_an_open_page_stands_still_for_who_reads_it_and_says_so(visitor) -> None:
    page = visitor.open("/aura/logs/")
    visitor.wait(page)
    page.wait_for_selector("body[data-renewed='1']")

    page.locator("summary").first.click()
    visitor.wait(page)

    page.wait_for_selector("#live :text('Held while you read')")
    page.locator("summary").first.click()
    page.locator("h1").click()
    page.wait_for_selector("#live :text-is('Live')")
    assert page.get_attribute("body", "data-renewed") == "1"
    visitor.wait(page)
    page.wait_for_selector("body[data-renewed='2']")


def test_a_page_that_cannot_be_renewed_says_since_when(visitor) -> None:
    visitor.expected += ("ERR_INTERNET_DISCONNECTED",)
    page = visitor.open("/aura/")
    shown = page.inner_text("footer time")[11:]

    page.context.set_offline(True)
    visitor.wait(page)

    page.wait_for_selector("#live.bad :text('No answer since ')")
    assert page.inner_text("#news") >= f"No answer since {shown} UTC"
    page.context.set_offline(False)
    visitor.wait(page)
    page.wait_for_selector("#live:not(.bad) :text-is('Live')")
    page.context.clear_cookies()
    visitor.wait(page)
    page.wait_for_selector("#live.bad :text('Logged out since ')")


def test_everything_works_without_javascript(visitor) -> None:
    page = visitor.open("/aura/", java_script_enabled=False)

    page.click("nav[aria-label=Time] >> text=24 hours")
    page.wait_for_url("**window=24h")
    assert page.locator("figure svg path.line").count() == 8
    assert page.inner_text("#live") == ""
    page.click("nav[aria-label=Pages] >> text=Log")
    page.select_option("[name=level]", "ERROR")
    page.click("button:text('Find')")
    page.wait_for_url("**level=ERROR*")
    assert set(page.locator("td.level").all_inner_texts()) == {"ERROR"}
    page.locator(".lines td.wide a").last.click()
    page.wait_for_selector("h2:text('in order')")
    page.locator("summary:text('Traceback')").first.click()
    assert "TimeoutError: bookkeeping did not answer" in page.locator("pre").first.inner_text()


def test_every_page_is_for_everybody(visitor, site) -> None:
    visitor.expected += ("404",)  # of the page that is not there
    page = visitor.open("/aura/")
    wrong = {}

    for name, path in PAGES.items():
        page.goto(site.url + path)
        for scheme, width in itertools.product(("light", "dark"), (1280, 320)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            found = page.evaluate(ACCESSIBILITY)
            if found:
                wrong[name, scheme, width] = found

    assert wrong == {}


def test_the_pass_for_everybody_finds_what_is_wrong(visitor) -> None:
    page = visitor.open("/aura/alerts/")

    page.evaluate(
        """() => { document.documentElement.lang = ""; document.querySelector("main").innerHTML = `
            <h3 id="live">Skips a level</h3><input><a href="#"></a><svg></svg><table><th>x</th></table>
            <p>${"wide".repeat(500)}</p><div tabindex="3" aria-labelledby="nobody"></div><ul><p>no item</p></ul>`;
            const sheet = new CSSStyleSheet(); sheet.replaceSync("p { color: #999; background: #fff }");
            document.adoptedStyleSheets = [sheet]; }"""
    )

    wrong = " ".join(page.evaluate(ACCESSIBILITY))
    for words in (
        "has no language", "not one h1", "two elements have the id live", "aria-labelledby names nothing",
        "it has no name", "a field has no label", "a drawing says nothing", "a table has no caption",
        "does not say of what", "it jumps the queue", "holds what is no item", "wider than the window",
        "contrast 2.85 is below 4.5",
    ):  # fmt: skip
        assert words in wrong, words


@pytest.mark.parametrize("name", ["overview", "log", "request"])
def test_the_keyboard_goes_through_a_page_in_order_and_is_seen(visitor, name: str) -> None:
    page = visitor.open(PAGES[name])
    wanted = page.evaluate(
        """() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")]
            .filter((each) => each.checkVisibility()).map((each, place) => (each.dataset.place = place)).slice(0, 40)"""
    )

    met = []
    for _ in wanted:
        page.keyboard.press("Tab")
        place, is_seen = page.evaluate(
            """() => { const on = document.activeElement; const style = getComputedStyle(on);
            return [on.dataset.place, style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2] }"""
        )
        assert is_seen, page.evaluate("document.activeElement.outerHTML")
        met.append(int(place))

    assert met == wanted
    page.focus(".skip")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_what_a_log_line_or_an_address_says_is_text(visitor, site) -> None:
    visitor.expected += ("404",)
    page = visitor.open("/aura/")
    for path in (
        "/aura/", "/aura/routes/", "/aura/logs/?level=ERROR",
        "/aura/routes/?route=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", f"/aura/logs/{HOSTILE_ID}/", "/aura/alerts/",
        "/aura/logs/?text=%3Cscript%3E%22%27%3E&route=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "/aura/logs/?since=%3Cimg%20src=x%20onerror=alert(1)%3E&before=%3Cscript%3E",
        "/aura/logs/%3Cscript%3Ealert(1)%3C%2Fscript%3E/",
    ):  # fmt: skip
        page.goto(site.url + path)

        assert page.title().endswith(" · Aura")
        assert page.locator("main img, main script, main iframe, [onerror]").count() == 0
        if HOSTILE_ID in path or path == "/aura/":
            assert HOSTILE in page.locator("main").inner_text()


def test_a_phone_shows_that_there_is_more_and_leaves_no_empty_place(visitor) -> None:
    page = visitor.open("/aura/", viewport={"width": 390, "height": 800})

    shadows = page.evaluate(
        """() => { const table = document.querySelector(".scroll");
        return [table.scrollWidth > table.clientWidth, getComputedStyle(table).backgroundAttachment] }"""
    )
    wide, narrow = (page.locator(".figures div").nth(place).bounding_box()["width"] for place in (-1, 0))

    assert shadows == [True, "local, local, scroll, scroll"]
    assert wide > 1.9 * narrow
