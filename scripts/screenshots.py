"""Take the pictures of docs/screenshots: every page of the dashboard, light and dark, on a desk and on a phone.

    make screenshots
    .venv/bin/python scripts/screenshots.py [DIRECTORY]

Seeds a site that is the same every time but for the clock, serves it, and looks at it with the system's Chromium.
Look at the pictures yourself before you commit them.
"""

import base64
import os
import shutil
import struct
import sys
import tempfile
import zlib
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "dashboard_site"))

from seed import SLOW_ID  # noqa: E402  # it lies beside the tests
from serving import Site, serving  # noqa: E402

PAGES = {
    "overview": "/aura/",
    "routes": "/aura/routes/?window=24h",
    "route": "/aura/routes/?route=orders/report/",
    "log": "/aura/logs/?level=WARNING",
    "request": f"/aura/logs/{SLOW_ID}/",
    "alerts": "/aura/alerts/",
    "workers": "/aura/workers/",
}
WIDTHS = {"": 1280, "-phone": 390}
LEAST_HEIGHT, MOST_HEIGHT = 480, 2_600
"""Of a picture, in CSS pixels: a short page is filled up, a long one cut."""
ENOUGH_OF_A_LOG = 1_000

COUNT_COLOURS = """async (png) => {
  const image = new Image();
  image.src = "data:image/png;base64," + png;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const pixels = new Uint32Array(canvas.getImageData(0, 0, image.width, image.height).data.buffer);
  const times = new Map();
  for (const each of pixels) times.set(each, (times.get(each) ?? 0) + 1);
  const palette = [...times].sort((a, b) => b[1] - a[1]).slice(0, 256).map(([colour]) => colour);
  const parts = (colour) => [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
  const apart = (one, two) => parts(one).reduce((sum, each, at) => sum + (each - parts(two)[at]) ** 2, 0);
  const place = new Map(palette.map((colour, at) => [colour, at]));
  const nearest = (colour) =>
    palette.reduce((best, each, at) => apart(each, colour) < apart(palette[best], colour) ? at : best, 0);
  for (const colour of times.keys()) if (!place.has(colour)) place.set(colour, nearest(colour));
  const bytes = Uint8Array.from(pixels, (each) => place.get(each));
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return { width: image.width, height: image.height, palette: palette.flatMap(parts), pixels: btoa(text) };
}"""


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screenshots"
    out.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or sys.exit("Install Chromium: apt-get install chromium")
    # Its sandbox does not start for root. Grey edges of letters need few colours.
    arguments = ["--disable-lcd-text", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with tempfile.TemporaryDirectory() as state, serving(Path(state)) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for scheme in ("light", "dark"):
            for suffix, width in WIDTHS.items():
                photograph(browser, site, scheme, width, out, suffix)
        browser.close()


def photograph(browser: Browser, site: Site, scheme: str, width: int, out: Path, suffix: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": LEAST_HEIGHT})
    context.add_cookies([{"name": "sessionid", "value": site.sessions["susan"], "url": site.url}])
    page, painter = context.new_page(), context.new_page()
    for name, path in PAGES.items():
        page.set_viewport_size({"width": width, "height": LEAST_HEIGHT})
        page.goto(site.url + path)
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size(
            {"width": width, "height": min(height, ENOUGH_OF_A_LOG if name == "log" else MOST_HEIGHT)}
        )
        (out / f"{name}-{scheme}{suffix}.png").write_bytes(with_a_palette(page.screenshot(), painter))
    context.close()


def with_a_palette(png: bytes, painter: Page) -> bytes:
    """Return the picture in its 256 most frequent colours: a third of the size, and nobody sees the difference."""
    found = painter.evaluate(COUNT_COLOURS, base64.b64encode(png).decode())
    width, height, pixels = found["width"], found["height"], base64.b64decode(found["pixels"])
    rows = b"".join(b"\0" + pixels[at : at + width] for at in range(0, len(pixels), width))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(found["palette"])),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


if __name__ == "__main__":
    main()
