"""The report in a browser: it draws, in light and in dark, fits a phone, and asks for nothing; skipped without one."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from sincerity import Classifier, Post, audit

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
STREAM = Path(__file__).parents[1] / "docs" / "sample-stream.csv"

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here: apt-get install chromium")


@pytest.fixture(scope="module")
def page(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(audit(STREAM, classifier=classifier).html(), "utf-8")
    return path


@pytest.fixture(scope="module")
def crowded(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authors, one with a name that no line can hold."""
    posts = [Post(author="x" * 200, text=f"Have you seen the {n} herons at the weir? " + "y" * 300) for n in range(12)]
    posts += [Post(author="short", text=f"{n} o'clock at the weir then, bring your brother") for n in range(12)]
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(audit(posts, classifier=classifier).html(), "utf-8")
    return path


def chromium(tmp_path: Path, *arguments: str) -> str:
    assert BROWSER is not None
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--hide-scrollbars", f"--user-data-dir={tmp_path / 'profile'}",
    ]  # fmt: skip
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def screenshot(page: Path, tmp_path: Path, *arguments: str) -> list[bytes]:
    """The rows of pixels, three or four bytes each."""
    path = tmp_path / "shot.png"
    chromium(tmp_path, f"--screenshot={path}", "--window-size=600,1600", *arguments, page.as_uri())
    return _rows(path.read_bytes())


def test_the_page_is_drawn_in_light_and_in_dark(page: Path, tmp_path: Path) -> None:
    light = screenshot(page, tmp_path)
    dark = screenshot(page, tmp_path, "--blink-settings=preferredColorScheme=0")
    assert (light[0][:3].hex(), dark[0][:3].hex()) == ("fbfaf7", "14181b")
    for name, rows, colours in (
        ("light", light, ("0f8b7d", "e09f3e", "7a77a8")),
        ("dark", dark, ("35b8a6", "e5b567", "9794cf")),
    ):
        pixels = b"".join(rows)
        for colour in colours:
            assert pixels.count(bytes.fromhex(colour)) > 500, (name, colour)


@pytest.mark.parametrize("width", [360, 768, 1200])
@pytest.mark.parametrize("name", ["page", "crowded"])
def test_the_page_fits_the_width_of_what_it_is_read_on(
    name: str, width: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    html = request.getfixturevalue(name).read_text("utf-8")
    open_to_scripts = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    holder = tmp_path / "holder.html"
    framed = open_to_scripts.replace("&", "&amp;").replace('"', "&quot;")
    measure = (
        "const d = document.querySelector('iframe').contentDocument.documentElement; document.title = d.scrollWidth"
    )
    holder.write_text(
        f'<iframe width="{width}" height="900" style="border:0" srcdoc="{framed}"></iframe>'
        f'<script>document.querySelector("iframe").onload = () => {{ {measure} }}</script>',
        "utf-8",
    )
    dom = chromium(tmp_path, "--dump-dom", "--virtual-time-budget=3000", holder.as_uri())
    found = re.search(r"<title>(\d+)</title>", dom)
    assert found is not None
    assert int(found[1]) <= width


def test_the_page_prints(page: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    chromium(tmp_path, f"--print-to-pdf={path}", page.as_uri())
    content = path.read_bytes()
    assert content.startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 8


def _rows(png: bytes) -> list[bytes]:
    """Decode a PNG of 8 bits a channel."""
    width, height, _, kind = struct.unpack(">IIBB", png[16:26])
    channels = {2: 3, 6: 4}[kind]
    packed, at = b"", 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            packed += png[at + 8 : at + 8 + size]
        at += size + 12
    data, stride = zlib.decompress(packed), width * channels
    rows: list[bytes] = []
    above = bytearray(stride)
    for y in range(height):
        line = bytearray(data[y * (stride + 1) + 1 : (y + 1) * (stride + 1)])
        _unfilter(line, above, data[y * (stride + 1)], channels)
        rows.append(bytes(line) if channels == 3 else bytes(b for i, b in enumerate(line) if i % 4 < 3))
        above = line
    return rows


def _unfilter(line: bytearray, above: bytearray, kind: int, channels: int) -> None:
    for i in range(len(line)):
        left, up = line[i - channels] if i >= channels else 0, above[i]
        corner = above[i - channels] if i >= channels else 0
        guess = left + up - corner
        nearest = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
        line[i] = (line[i] + (0, left, up, (left + up) // 2, nearest)[kind]) & 255
