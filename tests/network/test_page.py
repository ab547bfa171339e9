"""The default application's page, in a browser."""

import json
import math

import pytest

from .browser import PROGRAM
from .client import Client, dial
from .process import LOCAL, waitUntil

pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="needs chromium"),
    pytest.mark.once,
]

NAMES = ("talk", "draw", "count", "trips")
WIDE, NARROW = (1280, 800), (390, 844)


@pytest.fixture
def other(browser):
    """Give another tab."""
    opened = browser.tab()
    yield opened
    assert opened.errors == []
    opened.close()


def visit(tab, server, width=WIDE[0], height=WIDE[1], scheme="http") -> None:
    """Open the page, and wait until all of it is connected."""
    tab.open(f"{scheme}://localhost:{server.port}/", width, height)
    for name in NAMES:
        state(tab, name, "open")


def state(tab, name: str, text: str) -> None:
    """Wait until a card says how it is."""
    tab.waitUntil(f"document.getElementById('{name}-state').textContent === '{text}'")


def click(tab, selector: str) -> None:
    """Click on something."""
    tab.run(f"document.querySelector({json.dumps(selector)}).click()")


def fill(tab, name: str, text: str) -> None:
    """Have a field say something, as if it were typed."""
    tab.run(f"document.getElementById('{name}').select()")
    tab.write(text)


def choose(tab, subprotocol: str) -> None:
    """Choose a subprotocol."""
    tab.run(
        "(list => {"
        f"list.value = '{subprotocol}'; list.dispatchEvent(new Event('change'))"
        "})(document.getElementById('subprotocol'))"
    )


def rows(tab, number: int) -> list[str]:
    """Wait for so many rows in the log; give them, without their times."""
    tab.waitUntil(f"document.querySelectorAll('#rows li').length >= {number}")
    script = "li => [...li.children].slice(1).map(each => each.textContent).join(' ')"
    return tab.run(f"[...document.querySelectorAll('#rows li')].map({script})")


def text(tab, name: str) -> str:
    """Give what an element says."""
    return tab.run(f"document.getElementById('{name}').textContent")


def complaint(tab, name: str) -> str:
    """Give what a field has against what is in it."""
    return tab.run(f"document.getElementById('{name}').validationMessage")


def sheet(tab) -> tuple[float, float, float, float]:
    """Have the sheet in the window; give its left, top, width and height."""
    tab.run("document.getElementById('canvas').scrollIntoView()")
    where = "document.getElementById('canvas').getBoundingClientRect()"
    return tuple(tab.run(f"(r => [r.x, r.y, r.width, r.height])({where})"))


PIXEL = """
(() => {
    const copy = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    copy.drawImage(document.getElementById("canvas"), -%d, -%d);
    return [...copy.getImageData(0, 0, 1, 1).data];
})()
"""


def ink(tab, x: float, y: float) -> list[int]:
    """Give the colour on the sheet, in its own 480 by 300."""
    return tab.run(PIXEL % (round(2 * x), round(2 * y)))


def inked(tab, x: float, y: float, *colour: int) -> None:
    """Wait until there is ink of a colour on the sheet."""
    waitUntil(lambda: ink(tab, x, y) == [*colour, 255], f"ink at {x}, {y}")


def test_loads(demo, tab):
    """It loads without anything else, connects, and has no word for the console."""
    visit(tab, demo)
    assert text(tab, "url") == f"ws://localhost:{demo.port}/"
    assert rows(tab, 1) == ["· open, no subprotocol"]
    assert tab.run("performance.getEntriesByType('resource').length") == 0
    assert tab.run("document.title") == "wsagent"


def test_echo(demo, tab):
    """Text and bytes come back; the log has both ways, kinds and sizes."""
    visit(tab, demo)
    fill(tab, "message", "<b>grüße</b>")
    tab.press("Enter")
    assert rows(tab, 3)[1:] == [
        "→ sent text 14 octets <b>grüße</b>",
        "← received text 14 octets <b>grüße</b>",
    ]
    click(tab, "[value=bytes]")
    assert tab.run("document.getElementById('message').value").startswith("3c 62 3e")
    fill(tab, "message", "00 FF10")
    tab.press("Enter")
    assert rows(tab, 5)[3:] == [
        "→ sent bytes 3 octets 00 ff 10",
        "← received bytes 3 octets 00 ff 10",
    ]
    assert text(tab, "sums") == "Sent 2 (17 octets), received 2 (17 octets)"
    click(tab, "[value=text]")
    # No text has these octets.
    assert tab.run("document.getElementById('message').value") == "00 FF10"
    click(tab, "#clear-log")
    assert rows(tab, 0) == []


def test_big(demo, tab):
    """Of what is long, the log shows the beginning, and the whole size."""
    visit(tab, demo)
    for kind in ("text", "bytes"):
        tab.run("document.getElementById('message').value = 'ab'.repeat(2 ** 18)")
        click(tab, f"[value={kind}]")
        click(tab, "#send button")
    texts, octets = ["ab" * 500 + " …"] * 2, [" ".join(["61 62"] * 125) + " …"] * 2
    shown = rows(tab, 5)[1:]
    assert sorted(each.split("512.0 KiB ")[1] for each in shown) == octets + texts


def test_subprotocol(demo, tab):
    """A subprotocol is chosen from the list, or by its name."""
    visit(tab, demo)
    for choice, name in (
        ("lws-mirror-protocol", "lws-mirror-protocol"),
        ("other", "foo"),
        ("dumb-increment-protocol", "dumb-increment-protocol"),
    ):
        click(tab, "#close button")
        tab.waitUntil("!document.getElementById('connect-button').disabled")
        click(tab, "#clear-log")
        choose(tab, choice)
        if choice == "other":
            fill(tab, "other", "v2.unknown, foo")
        click(tab, "#connect-button")
        state(tab, "talk", "open")
        assert rows(tab, 1)[0] == f"· open, subprotocol {name}"
    # As many messages as these are not read aloud.
    assert "← received text 1 octet 0" in rows(tab, 9)
    assert tab.run("document.getElementById('log').ariaLive") == "off"


def test_close(start, tab):
    """A close with its code and reason arrives, and the log shows the answer."""
    server = start("--port", LOCAL)
    visit(tab, server)
    fill(tab, "code", "4321")
    fill(tab, "reason", "grüße, 再见")
    tab.press("Enter")
    assert rows(tab, 3)[1:] == [
        "· closing 4321, “grüße, 再见”",
        "· closed 4321 (of its own meaning)",
    ]
    state(tab, "talk", "closed 4321")
    waitUntil(lambda: "closed 4321" in server.log, "a close in the log")
    assert tab.run("document.querySelector('#send button').matches(':disabled')")
    assert tab.run("document.activeElement.id") == "connect-button"


def test_closedByServer(start, tab):
    """When it is the server that closes, the log says with what."""
    visit(tab, start("--port", LOCAL, "--message-limit", "1000"))
    fill(tab, "message", "x" * 1001)
    click(tab, "#send button")
    last = rows(tab, 3)[2]
    assert last == "· closed 1009 (message too big), “1001 octets, limit 1000”"
    state(tab, "talk", "closed 1009")


def test_restarted(start, browser):
    """When the server ends, the page says so; when it is back, so are the demos."""
    tab = browser.tab()
    first = start("--port", LOCAL)
    visit(tab, first)
    first.stop()
    assert rows(tab, 2)[1].startswith("· closed 1001 (going away)")
    tab.waitUntil(
        "document.getElementById('draw-state').textContent.startsWith('lost')"
    )
    click(tab, "#connect-button")
    assert rows(tab, 3)[2].startswith("· not opened: ")
    second = start("--port", f"tcp:{first.port}:interface=127.0.0.1")
    click(tab, "#connect-button")
    for name in NAMES:
        state(tab, name, "open")
    assert second.port == first.port
    # Of the connections that failed, a browser says something itself.
    assert all("ERR_CONNECTION_REFUSED" in each for each in tab.errors)
    tab.close()


def test_secure(start, tab, certificate):
    """Where the page comes over TLS, so do its WebSockets; the server can stop."""
    endpoint = f"ssl:0:interface=127.0.0.1:{certificate}"
    server = start("--port", endpoint, "--close-timeout", "1")
    tab.trustAll()
    visit(tab, server, scheme="https")
    assert text(tab, "url") == f"wss://localhost:{server.port}/"


def test_wrong(demo, tab):
    """What cannot be sent is said at the field, and nothing is sent."""
    visit(tab, demo)
    for code in ("1001", "2999", "5000", "3e3.", "x"):
        fill(tab, "code", code)
        click(tab, "#close button")
        assert complaint(tab, "code").startswith("1000, or 3000 to 4999")
    fill(tab, "code", "3000")
    assert complaint(tab, "code") == ""
    fill(tab, "reason", "é" * 62)
    click(tab, "#close button")
    assert complaint(tab, "reason").startswith("At most 123 octets")
    click(tab, "[value=bytes]")
    for digits in ("0", "0g", "0x00"):
        fill(tab, "message", digits)
        click(tab, "#send button")
        assert complaint(tab, "message").startswith("Pairs of hex digits")
    fill(tab, "message", "")
    click(tab, "#send button")
    assert rows(tab, 3)[1:] == [
        "→ sent bytes 0 octets ",
        "← received bytes 0 octets ",
    ]
    fill(tab, "reason", "")
    click(tab, "#close button")
    state(tab, "talk", "closed 3000")
    choose(tab, "other")
    for name in ("a b/c", "foo foo"):
        fill(tab, "other", name)
        click(tab, "#connect-button")
        assert complaint(tab, "other").startswith("Names of subprotocols are tokens")
    choose(tab, "")
    click(tab, "#connect-button")
    state(tab, "talk", "open")


def test_drawing(demo, tab, other):
    """What one draws, both see: on any size, and as other pages draw it too."""
    visit(tab, demo)
    visit(other, demo, *NARROW)
    click(other, "[value='#c2410c']")
    left, top, width, height = sheet(other)
    points = [(0.25, 0.25), (0.5, 0.25), (0.75, 0.25)]
    other.drag((left + x * width, top + y * height) for x, y in points)
    for each in tab, other:
        for x in (121, 240, 359):
            inked(each, x, 75, 0xC2, 0x41, 0x0C)
    assert ink(tab, 240, 150)[3] == 0
    with Client(dial(demo.port), ["lws-mirror-protocol"]) as client:
        client.sendText("d #00ff00 10 20 30 20;c #0000ff 400 200 30;")
        for wrong in ("", ";", "d", "d red 0 0 480 300;", "d #000 0 0 NaN 300;"):
            client.sendText(wrong)
        for wrong in ("c #000 240 150 -1;", "d #000 0 0 480;", "<script>;", "x #000 1"):
            client.sendText(wrong)
        client.sendText("d #f00 10 290 30 290;")
    for each in tab, other:
        inked(each, 20, 290, 0xFF, 0, 0)
        inked(each, 20, 20, 0, 0xFF, 0)
        inked(each, 430, 200, 0, 0, 0xFF)
        assert ink(each, 240, 150)[3] == 0
    click(tab, "#clear-sheet")
    assert ink(tab, 20, 20)[3] == 0
    assert ink(other, 20, 20)[3] == 255


def test_touch(demo, tab, other):
    """On a phone, a finger draws."""
    visit(tab, demo)
    visit(other, demo, *NARROW)
    tab.resize(*NARROW, isMobile=True)
    left, top, width, height = sheet(tab)
    x, y = left + width / 2, top + height / 2
    tab.touch([(x - 30, y), (x, y), (x + 30, y)])
    inked(other, 240, 150, 0, 0, 0)


def test_counter(demo, tab, other):
    """Each page has a counter of its own, which begins anew when it is told to."""
    visit(tab, demo)
    tab.waitUntil("Number(document.getElementById('number').textContent) >= 10")
    visit(other, demo)
    click(other, "#reset")
    other.waitUntil("Number(document.getElementById('number').textContent) >= 1")
    assert int(text(tab, "number")) > int(text(other, "number"))
    click(tab, "#reset")
    tab.waitUntil("Number(document.getElementById('number').textContent) < 10")


def test_pause(demo, tab):
    """The counter and the chart pause, and go on."""
    visit(tab, demo)
    tab.waitUntil("document.getElementById('latest').textContent.endsWith(' ms')")
    for name in ("count", "trips"):
        click(tab, f"#{name}-pause")
        state(tab, name, "paused")
    assert tab.run("document.getElementById('reset').disabled")
    before = tab.run("document.getElementById('bars').getAttribute('d')")
    tab.run("new Promise(done => setTimeout(done, 700))")
    assert tab.run("document.getElementById('bars').getAttribute('d')") == before
    for name in ("count", "trips"):
        click(tab, f"#{name}-pause")
        state(tab, name, "open")
    bars = "document.getElementById('bars').getAttribute('d').split('M').length - 1"
    tab.waitUntil(f"{bars} > {before.count('M')}")


def test_keyboard(demo, tab, other):
    """By keyboard alone, all can be done, and one sees where one is."""
    visit(tab, demo)
    visit(other, demo)
    stops = []
    while not stops or stops[-1] != "PRE":
        tab.press("Tab")
        where = "document.activeElement"
        stops.append(tab.run(f"{where}.id || {where}.name || {where}.tagName"))
        assert tab.run(f"getComputedStyle({where}).outlineStyle") == "solid", stops
        if stops[-1] == "message":
            tab.press("Enter")
        elif stops[-1] == "canvas":
            tab.press("ArrowRight", " ", "ArrowRight", "ArrowRight", "ArrowUp", " ")
            tab.press("ArrowUp")
    assert stops == [
        *("subprotocol", "kind", "message", "BUTTON", "code", "reason", "BUTTON"),
        *("log", "clear-log", "canvas", "colour", "clear-sheet"),
        *("reset", "count-pause", "trips-pause", "PRE"),
    ]
    assert rows(tab, 3)[2] == "← received text 15 octets Hello, wsagent!"
    for each in tab, other:
        inked(each, 256, 150, 0, 0, 0)
        inked(each, 264, 145, 0, 0, 0)
        assert ink(each, 244, 150)[3] == ink(each, 264, 136)[3] == 0
    tab.run("document.getElementById('code').focus()")
    tab.press("Enter")
    state(tab, "talk", "closed 1000")
    assert tab.run("document.activeElement.id") == "connect-button"
    tab.press("Enter")
    state(tab, "talk", "open")
    assert tab.run("document.activeElement.id") == "message"


def test_policy(demo, browser):
    """Nothing can be smuggled in, and nobody else is asked; no name is a global one."""
    tab = browser.tab()
    visit(tab, demo)
    html = "try { document.body.innerHTML = '<b>' } catch (error) { error.name }"
    assert tab.run(html) == "TypeError"
    tab.run("refused = []")
    note = "event => refused.push(event.effectiveDirective)"
    tab.run(f"document.addEventListener('securitypolicyviolation', {note}); 0")
    tab.run(f"new WebSocket('ws://127.0.0.1:{demo.port}/'); 0")
    tab.run("Object.assign(new Image(), {src: '/picture.png'}); 0")
    tab.waitUntil("refused.includes('connect-src') && refused.includes('img-src')")
    for name in ("at", "show", "HERE", "Line", "Talk", "Sheet"):
        assert tab.run(f"typeof {name}") == "undefined"
    assert len(tab.errors) >= 2
    tab.close()


CONTRAST = """
(() => {
    const light = (colour) => {
        const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
        const [red, green, blue] = parts.map(
            (part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
        return .2126 * red + .7152 * green + .0722 * blue;
    };
    const behind = (element) => {
        const colour = getComputedStyle(element).backgroundColor;
        return colour === "rgba(0, 0, 0, 0)" ? behind(element.parentElement) : colour;
    };
    const ratio = (element) => {
        const [one, other] = [getComputedStyle(element).color, behind(element)]
            .map(light).sort((one, other) => one - other);
        return (other + .05) / (one + .05);
    };
    const texts = [...document.querySelectorAll("body *")].filter((element) =>
        !element.closest("noscript, script, :disabled, select, .unseen") &&
        [...element.childNodes].some((node) => node.data?.trim()));
    return texts.map((element) => [element.outerHTML, ratio(element)]);
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_legible(demo, tab, scheme, tmp_path):
    """In the light and in the dark, text is told from what is behind it."""
    tab.prefer(color_scheme=scheme)
    visit(tab, demo)
    tab.press(*["Tab"] * 3, "Enter")
    rows(tab, 3)
    found = tab.run(CONTRAST)
    assert len(found) > 30
    assert [(what, ratio) for what, ratio in found if ratio < 4.5] == []
    left, top, width, height = sheet(tab)
    for row, colour in enumerate(("#000000", "#2557c7", "#18794e", "#c2410c")):
        click(tab, f"[value='{colour}']")
        tab.drag(
            (
                left + width * (0.15 + 0.7 * step / 30),
                top + height * (0.2 + 0.2 * row + 0.08 * math.sin(step / 2 + row)),
            )
            for step in range(31)
        )
    tab.run("scrollTo(0, 0)")
    for name, size in (("wide", WIDE), ("narrow", NARROW)):
        tab.resize(*size)
        picture = tab.picture(isWhole=True)
        (tmp_path / f"page-{scheme}-{name}.png").write_bytes(picture)


def test_widths(demo, tab):
    """However wide the window is, nothing hangs out of it."""
    visit(tab, demo)
    for width in (320, 390, 600, 640, 768, 896, 1024, 1280, 1920):
        tab.resize(width, 800, isMobile=width < 600)
        assert tab.run("document.documentElement.scrollWidth") <= width


def test_calm(demo, tab):
    """Nothing on it moves but what the server sends."""
    tab.prefer(reduced_motion="reduce")
    visit(tab, demo)
    assert tab.run("document.getAnimations().length") == 0
