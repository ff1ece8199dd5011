"""The page in Chromium, as its user sees it: the demo call from the list to the capture file.

UHEP_SCREENSHOTS=folder keeps pictures of it, to look at.
"""

import json
import os
import re
import socket
import threading
from itertools import pairwise
from pathlib import Path
from socket import AF_INET6, inet_pton

import pytest
from hepmake import good
from pagemake import page_of
from peers import chromium, tshark
from playwright.sync_api import expect
from sipmake import ALICE, CALL_ID, captured, packet, sip
from uhep_tools import demo
from uhep_tools.hep import decode
from uhep_tools.store import Store

pytestmark = pytest.mark.peer("chromium")

# What every control, link and picture must have: a name that is read out.
_NAMELESS = """
() => [...document.querySelectorAll("a, button, input, select, [role=img], dialog, pre")]
  .filter((node) => {
    const label = node.getAttribute("aria-label") || node.getAttribute("aria-labelledby")
      || (node.labels && node.labels.length) || node.textContent.trim();
    return !label;
  }).map((node) => node.outerHTML)
"""
_TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
# What stands before a figure where the table shows no head.
_BEFORE = """
() => getComputedStyle(document.querySelector("td.n"), "::before").content.replaceAll('"', "")
"""

expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser():
    with chromium.browser() as it:
        yield it


def fill(store, packets):
    for raw in packets:
        store.add(decode(raw), raw, "127.0.0.1:40000")
    store.flush()


def quality(cid=CALL_ID):
    """RTCP and a report, as an agent that measures sends them."""
    for second in range(1, 5):
        block = {"fraction_lost": 4 * second, "packets_lost": second, "ia_jitter": 40 * second}
        rtcp = {"type": 200, "ssrc": 1, "report_blocks": [block]}
        yield packet(
            json.dumps(rtcp).encode(), kind=5, after_us=1_900_000 + second * 900_000, cid=cid
        )
    report = {"MOS": 3.9, "PACKET_LOSS": 1, "EXPECTED_PK": 200, "MEAN_JITTER": 7.5}
    yield packet(json.dumps(report).encode(), kind=34, after_us=5_830_000, cid=cid)


def picture(watched, name):
    if folder := os.environ.get("UHEP_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        watched.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def at_call(tab, cid=""):
    """A call's page was gone to: it is there, and its script hears clicks and keys."""
    expect(tab).to_have_url(re.compile(rf"/call\?id={cid}"))
    tab.locator("#live.on").wait_for()


def sound(watched, page):
    """No error, nothing asked of another host, a name on everything that can be used."""
    assert watched.errors == []
    assert {url for url in watched.requests if not url.startswith(page.url)} == set()
    assert watched.page.evaluate(_NAMELESS) == []


@pytest.mark.peer("tshark")
def test_demo_call(tmp_path, browser, monkeypatch):
    """the demo call: in the list without reloading, its ladder, a message, MOS, and the pcap"""
    with (
        Store(tmp_path / "uhep.db") as store,
        page_of(store) as (server, page),
        chromium.tab(browser, accept_downloads=True) as watched,
    ):
        tab = watched.page
        tab.goto(page.url)
        tab.get_by_text("No call yet").wait_for()
        tab.locator("#live.on").wait_for()
        outcomes = []
        demo_store = Store(tmp_path / "demo.db")
        monkeypatch.setattr(demo, "Server", lambda *_, **__: _Joined(server))
        monkeypatch.setattr(demo, "in_thread", lambda joined: joined)
        thread = threading.Thread(
            target=lambda: outcomes.append(
                demo.run(demo_store, tmp_path / "state", heap="256K", talk_ms=500)
            )
        )
        thread.start()
        row = tab.get_by_role("link", name="alice to bob")
        row.wait_for()  # nothing was reloaded: it came by itself
        thread.join(120)
        [outcome] = outcomes
        assert outcome.problems == []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            for raw in quality(cid=outcome.call.call.encode()):
                udp.sendto(raw, ("127.0.0.1", server.port))
        tab.locator("tr", has=row).get_by_text("3.90").wait_for()
        assert "ended" in tab.locator("tr", has=row).inner_text()
        picture(watched, "demo-calls")
        row.click()
        at_call(tab)
        named = [link.get_attribute("aria-label") for link in tab.locator("a.rung").all()]
        assert [re.match(r"[\d.]+ s: (.*?),", name)[1] for name in named if " to " in name] == [
            *("INVITE", "100 Trying", "180 Ringing", "200 OK", "ACK"),
            *("INVITE", "200 OK", "ACK") * 2,  # hold and resume
            *("BYE", "200 OK"),
        ]
        assert tab.locator(".ends .who").all_text_contents() == ["alice", "bob"]
        tab.get_by_role("link", name=re.compile("180 Ringing")).click()
        tab.get_by_role("heading", name="180 Ringing").wait_for()
        assert "SIP/2.0 180 Ringing" in tab.locator("#detail pre").inner_text()
        picture(watched, "demo-message")
        assert tab.get_by_role("img", name=re.compile(r"^MOS\..* 3\.9 to 3\.9")).is_visible()
        sound(watched, page)
        with tab.expect_download() as download:
            tab.get_by_role("link", name="pcap").click()
        download.value.save_as(tmp_path / "call.pcap")
    ports = {one.counts["sip_port"] for one in outcome.sides}
    sip = [one for one in tshark.read(tmp_path / "call.pcap", ports) if one["sip.Call-ID"]]
    assert {one["sip.Call-ID"] for one in sip} == {outcome.call.call}
    assert [one["sip.Method"] or one["sip.Status-Code"] for one in sip] == [
        *("INVITE", "100", "180", "200", "ACK"),
        *("INVITE", "200", "ACK") * 2,
        *("BYE", "200"),
    ]


class _Joined:
    """The server that runs already, for the demo to send to."""

    def __init__(self, server):
        self.host, self.port = server.host, server.port
        self.store, self.counters = server.store, server.counters

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.store.flush()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1400, 860), (390, 800)], ids=["desktop", "phone"])
def test_every_page(store, browser, scheme, size):
    """every page, light and dark, wide and on a phone's screen: no error, nothing cut off"""
    fill(store, [*captured(), *quality()])
    fill(
        store, [packet(b"uhep status uptime=%d dropped=1 heap=4000" % n, kind=100) for n in (1, 2)]
    )
    name = f"{scheme}-{size[0]}"
    with (
        page_of(store) as (_, page),
        chromium.tab(browser, *size, color_scheme=scheme) as watched,
    ):
        tab = watched.page
        for path in ("", "agents", "agent?node=2001&name=desk-17", "logs", "rejects", "call?id=x"):
            tab.goto(page.url + path)
            tab.locator("#live.on").wait_for()
            assert tab.evaluate(_TOO_WIDE) <= 0, path
            assert tab.evaluate(_NAMELESS) == []
            if path == "agents":
                assert tab.evaluate(_BEFORE) == ("packets" if size[0] < 640 else "none")
            picture(watched, f"{name}-{path.partition('?')[0] or 'calls'}")
        watched.errors.clear()  # the last one was a 404, as it should be
        tab.goto(page.url)
        tab.get_by_role("link", name="100 to 200").click()
        at_call(tab)
        tab.get_by_role("link", name=re.compile("^0.000 s: INVITE")).click()
        tab.get_by_role("button", name="Close the message").wait_for()
        assert tab.evaluate(_TOO_WIDE) <= 0
        picture(watched, f"{name}-call")
        colour = tab.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert (int(re.findall(r"\d+", colour)[0]) < 128) == (scheme == "dark")
        sound(watched, page)


def test_keyboard_alone(store, browser):
    """the keyboard alone: search, rows, a message, back, the theme"""
    other = [
        raw.replace(b"5f3a@", b"77b0@").replace(b"INVITE sip:200", b"INVITE sip:999")
        for raw in captured()
    ]
    fill(store, [*captured(), *other])
    with page_of(store) as (_, page), chromium.tab(browser) as watched:
        tab = watched.page
        tab.goto(page.url)
        assert tab.locator("tbody tr").count() == 2
        tab.keyboard.press("/")
        tab.keyboard.type("sip:999")
        expect(tab).to_have_url(re.compile(r"/\?q=sip%3A999$"))
        expect(tab.locator("tbody tr")).to_have_count(1)
        tab.keyboard.press("Escape")
        tab.keyboard.press("j")
        tab.keyboard.press("Enter")
        at_call(tab, "77b0")
        tab.keyboard.press("j")
        tab.keyboard.press("j")
        tab.keyboard.press("Enter")
        tab.get_by_role("heading", name="100 Trying").wait_for()
        tab.keyboard.press("j")
        tab.get_by_role("heading", name="180 Ringing").wait_for()
        assert "#m=" in tab.url
        tab.reload()  # the address leads to the open message
        tab.get_by_role("heading", name="180 Ringing").wait_for()
        tab.keyboard.press("Escape")
        tab.locator("#detail").wait_for(state="hidden")
        before = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        tab.keyboard.press("t")
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != before
        tab.keyboard.press("?")
        tab.get_by_role("dialog", name="Keyboard").wait_for()
        tab.keyboard.press("Escape")
        tab.keyboard.press("Escape")
        expect(tab).to_have_url(page.url)
        sound(watched, page)


def test_ladder_grows_while_it_is_read(store, browser):
    """a call that goes on: its ladder grows, what is focused and open stays"""
    fill(store, captured()[:4])
    with page_of(store) as (server, page), chromium.tab(browser) as watched:
        tab = watched.page
        tab.goto(f"{page.url}call?id={CALL_ID.decode()}")
        tab.get_by_role("link", name=re.compile("INVITE")).first.click()
        tab.get_by_role("heading", name="INVITE").wait_for()
        tab.locator("#live.on").wait_for()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            for raw in captured()[4:]:
                udp.sendto(raw, ("127.0.0.1", server.port))
        tab.get_by_role("link", name=re.compile("BYE")).first.wait_for()
        tab.locator(".title .pill", has_text="ended").wait_for()
        assert tab.get_by_role("heading", name="INVITE").is_visible()
        assert tab.locator(".rung.open").count() == 1
        focused = tab.evaluate("document.activeElement.getAttribute('aria-label')")
        assert focused.startswith("0.000 s: INVITE")
        sound(watched, page)


# The left and right edge of each, as they stand side by side.
_EDGES = """
(wanted) => [...document.querySelectorAll(wanted)].map((node) => {
  const box = node.getBoundingClientRect();
  return [Math.round(box.left), Math.round(box.right)];
})
"""


def test_ladder_of_long_addresses_and_hours(store, browser):
    """three IPv6 addresses, a call of days: nothing is written over, the lifelines are straight"""
    ends = [f"2001:db8:1111:2222:3333:4444:5555:{number}666" for number in (1, 2, 3)]
    for number, (hours, here, there) in enumerate(((0, 0, 1), (0, 1, 2), (70, 2, 1), (70, 1, 0))):
        text = sip(b"BYE sip:200@192.0.2.20 SIP/2.0", b"%d BYE" % (number + 1))
        raw = packet(text, target=ALICE, after_us=hours * 3_600_000_000 + number * 999_000)
        six = {0x05: inet_pton(AF_INET6, ends[here]), 0x06: inet_pton(AF_INET6, ends[there])}
        bodies = {one.type: one.body for one in decode(raw).chunks} | six
        fill(store, [good(bodies | {0x01: b"\x0a", 0x03: None, 0x04: None})])
    with page_of(store) as (_, page), chromium.tab(browser) as watched:
        tab = watched.page
        for width in (1280, 390):
            tab.set_viewport_size({"width": width, "height": 800})
            tab.goto(f"{page.url}call?id={CALL_ID.decode()}")
            at_call(tab)
            edges = tab.evaluate(_EDGES, ".ends .end")
            assert len(edges) == 3
            assert all(one[1] < other[0] for one, other in pairwise(edges)), edges
            assert len({tuple(edge) for edge in tab.evaluate(_EDGES, ".life")}) == 3
            assert tab.evaluate(_TOO_WIDE) <= 0
            picture(watched, f"ladder-long-{width}")
        sound(watched, page)


def test_hostile_call_runs_nothing(store, browser):
    """script tags and escapes in every header: shown as text, nothing runs"""
    evil = b"<img/src=x/onerror=alert(1)>\x1b[2J"
    for raw in captured():
        raw = packet(
            decode(raw).payload.replace(b"<sip:100", b"<sip:" + evil).replace(b"5f3a", evil),
            name=evil,
        )
        fill(store, [raw])
    with page_of(store) as (_, page), chromium.tab(browser) as watched:
        tab = watched.page
        tab.on("dialog", lambda dialog: watched.errors.append("a script ran") or dialog.dismiss())
        tab.goto(page.url)
        tab.get_by_role("link", name=re.compile("to 200")).first.click()
        at_call(tab)
        tab.locator("a[data-message]").first.click()
        tab.locator("#detail pre").wait_for()
        assert "onerror=alert(1)>\\x1b[2J" in tab.locator("#detail pre").inner_text()
        assert tab.locator("img").count() == 0
        sound(watched, page)
