"""The page without a browser: what it shows, to whom, and what hostile packets do to it."""

import asyncio
import html
import json
import re
import socket
from urllib.parse import quote

import pytest
from hepmake import good
from pagemake import get, page_of
from sipmake import ALICE, BOB, CALL, CALL_ID, captured, packet, sip
from uhep_tools.hep import HepError, decode
from uhep_tools.live import status_of
from uhep_tools.server import ListenError, Server
from uhep_tools.web import colours, health, pages
from uhep_tools.web.serving import Page, PageError

CALL_TEXT = CALL_ID.decode()
URL = f"/call?id={quote(CALL_TEXT)}"


@pytest.fixture
def page(store):
    with page_of(store) as (_, page):
        yield page


def fill(store, packets):
    for raw in packets:
        store.add(decode(raw), raw, "127.0.0.1:40000")
    store.flush()


def rows(text):
    """The Call-IDs of the list, in its order."""
    return [html.unescape(key) for key in re.findall(r'<tr data-key="([^"]*)"', text)]


def visible(text):
    """The text of a page, without its marks."""
    return html.unescape(re.sub(r"<[^>]*>", "", text))


def test_list_and_ladder(store, page):
    assert "No call yet" in get(page)[2]
    fill(store, captured())
    text = get(page)[2]
    assert rows(text) == [CALL_TEXT]
    assert "100 → 200" in visible(text) and "ended" in text and "4.01 s" in text
    text = get(page, URL)[2]
    assert visible(text).count("180 Ringing") == 1
    assert all(name in text for name in ("desk-17", "lobby", "192.0.2.10:5060"))
    assert text.count('class="seen"') == 14  # seven messages, each seen at both ends


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])
def test_the_address_that_devices_are_told_is_one(store, host):
    where = status_of(Server(store, host, 9060)).where()
    assert where.endswith(":9060") and not where.startswith(("0.0.0.0", "[::]", ":"))
    assert (where == "127.0.0.1:9060") or host != "127.0.0.1"


def test_retransmission_and_gap_are_marked(store, page):
    fill(store, captured([*CALL[:4], ("B", 2312, CALL[3][2]), *CALL[4:]]))
    text = get(page, URL)[2]
    assert text.count('class="rung r2 again"') == 1 and "↻ 200 OK" in visible(text)
    assert "+1.80 s" in visible(text) and "1.80 s of silence" in text


def test_end_and_sound_of_a_long_call(store, page, monkeypatch):
    """An hour of RTCP is more than what is drawn; the call is shown to its end all the same."""
    monkeypatch.setattr(pages, "DRAWN", 20)
    monkeypatch.setattr(pages, "LOOKED_AT", 60)
    lost = b'{"report_blocks":[{"fraction_lost":%d}]}'
    rtcp = [
        packet(lost % n, kind=5, cid=CALL_ID, after_us=2_000_000 + n * 1000) for n in range(80)
    ]
    fill(store, [*captured(), *rtcp[:40]])
    text = get(page, URL)[2]
    assert text.count('<circle class="seen"') == 14 and "RTCP:" not in text
    assert '<td class="n">40</td></tr>' in text
    assert "only its SIP is drawn" in text and "Of its beginning" not in text
    fill(store, rtcp[40:])
    text = get(page, URL)[2]
    assert "200 OK  2 BYE" in visible(text) and '<td class="n">46</td></tr>' in text
    assert "Of its beginning and its end only" in text
    info = [("A", 6000 + n, sip(b"INFO sip:h SIP/2.0", b"%d INFO" % n)) for n in range(9)]
    fill(store, captured(info))
    text = visible(get(page, URL)[2])
    assert all(word in text for word in ("INVITE  1", "INFO  4", "INFO  8"))
    assert "INFO  3" not in text and "BYE" not in text


def test_only_part(store, page):
    fill(store, captured())
    text = get(page, "/?part=1")[2]
    assert "<html" not in text and rows(text) == [CALL_TEXT]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=192.0.2.20", "both"),
        ("q=Ringing", "call"),
        ("q=ring", "call"),
        ("q=%22180+Ringing%22", "call"),
        ("q=%22Ringing+180%22", ""),
        ("q=nothing", ""),
        ("q=%22%27%22%29%3B--", ""),
        ("q=AND+OR+NOT", ""),
        ("q=5f3a%40192.0.2.10", "call"),
        ("state=ended", "call"),
        ("state=failed", "other"),
        ("state=no+such", "both"),
        ("method=OPTIONS", "other"),
        ("user=00", "both"),
        ("user=20", "both"),
        ("user=101", ""),
        ("agent=lobby", "call"),
        ("mos=3.6", ""),
        ("before=1~x", ""),
        ("before=rubbish", "both"),
    ],
)
def test_filters(store, page, query, found):
    answers = [
        ("A", 9000, sip(b"OPTIONS sip:192.0.2.20 SIP/2.0", b"1 OPTIONS", b"other")),
        ("B", 9001, sip(b"SIP/2.0 404 Not Found", b"1 OPTIONS", b"other")),
    ]
    fill(store, captured() + captured(answers, at="A"))
    wanted = {"both": ["other", CALL_TEXT], "call": [CALL_TEXT], "other": ["other"], "": []}
    status, _, text = get(page, f"/?{query}")
    assert status == 200 and rows(text) == wanted[found]


def test_pages_of_the_list(store, page):
    options = sip(b"OPTIONS sip:h SIP/2.0", b"1 OPTIONS", b"%d@h")
    # Three calls begin at each moment: none may be lost between two pages.
    fill(store, [packet(options.replace(b"%d", b"%d" % n), after_us=n // 3) for n in range(250)])
    seen, path = [], "/"
    for _ in range(3):
        text = get(page, path)[2]
        seen += rows(text)
        assert len(text) < 150_000
        if older := re.search(r'href="([^"]*)" rel="next"', text):
            path = html.unescape(older[1])
    assert sorted(seen) == sorted(f"{n}@h" for n in range(250))


def test_exports(store, page):
    fill(store, captured())
    status, headers, text = get(page, f"/call.json?id={quote(CALL_TEXT)}")
    found = json.loads(text)
    assert found["call_id"] == CALL_TEXT and len(found["packets"]) == 14
    assert sorted(found["packets"][0]) == sorted(found["packets"][13])
    assert f'filename="{CALL_TEXT}.json"' in headers["content-disposition"]
    text = get(page, f"/call.txt?id={quote(CALL_TEXT)}")[2]
    assert "180 Ringing (1 INVITE)" in text and text.count("CSeq: 1 ACK") == 2
    pcap = get(page, f"/call.pcap?id={quote(CALL_TEXT)}")[2].encode("utf-8", "surrogateescape")
    assert pcap.count(b"INVITE sip:200@") == 1  # two agents captured it, one frame was there
    number = store.messages(CALL_TEXT)[0].id
    raw = get(page, f"/message.bin?id={number}")[2].encode("utf-8", "surrogateescape")
    assert raw == captured()[0]


@pytest.mark.parametrize("path", ["/call?id=x", "/call", "/message?id=x", "/message?id=9", "/no"])
@pytest.mark.parametrize("part", ["", "part=1"])
def test_what_is_not_there(page, path, part):
    status, _, text = get(page, path + ("&" if "?" in path else "?") + part)
    assert status == 404 and ("There is no" in text or "Not" in text)


EVIL = [
    b"<script>alert(1)</script>",
    b'"><img src=x onerror=alert(1)>',
    b"\x1b[2J\x1b]0;owned\x07",
    b"{{ 7*7 }}",
    b"caf\xe9 \xff\xfe",
    "\u202egnp.exe".encode(),
]


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
def test_hostile_text_is_text(store, page, evil):
    """In every place where a packet's text is shown."""
    message = sip(
        b"INVITE sip:200@h SIP/2.0\r\nSubject: " + evil,
        b"1 INVITE",
        b"id" + evil.replace(b" ", b""),
        users=(evil.replace(b" ", b"").replace(b">", b""), b"200"),
    )
    call_id = b"id" + evil.replace(b" ", b"")
    fill(store, [packet(message, name=evil, cid=call_id)])
    fill(store, [packet(evil + b" uptime=1 x=2 y=" + evil, name=evil, kind=100, cid=call_id)])
    fill(store, [packet(b'{"MOS": 4, "X": "%s"}' % b"<b>", name=evil, kind=34, cid=call_id)])
    store.reject(HepError("magic", 0, f"begins with {evil}"), 9, "127.0.0.1:1")
    store.flush()
    call = store.calls()[0].call
    assert call.isprintable()
    agent = store.agents()[0]
    paths = ["/", f"/call?id={quote(call, safe='')}", "/agents", "/logs", "/rejects"]
    paths += [f"/message?id={message.id}" for message in store.messages(call)]
    paths += [f"/agent?node={agent.node_id}&name={quote(agent.node_name, safe='')}"]
    paths += [f"/?q={quote(evil)}&user={quote(evil)}"]
    for path in paths:
        status, _, text = get(page, path)
        assert status == 200, path
        assert "<script>alert" not in text and "<img src=x" not in text, path
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e\udc80-\udcff]", text), path
        assert ">49<" not in text, path
    for suffix in ("txt", "json", "pcap"):
        assert get(page, f"/call.{suffix}?id={quote(call, safe='')}")[0] == 200


def test_every_octet_in_a_call_id(store, page):
    for octet in range(256):
        if octet not in b"\r\n\t ":
            call_id = b"/../%%2f?#&" + bytes([octet]) + b"%d" % octet
            fill(store, [packet(sip(b"OPTIONS sip:h SIP/2.0", b"1 OPTIONS", call_id))])
    calls = store.calls(limit=-1)
    assert len(calls) == 252
    links = []
    path = "/"
    while path:
        text = get(page, path)[2]
        links += [html.unescape(link) for link in re.findall(r'href="(/call\?[^"]*)"', text)]
        older = re.search(r'href="([^"]*)" rel="next"', text)
        path = html.unescape(older[1]) if older else None
    assert len(set(links)) == 252
    for link in links[::7]:
        assert get(page, link)[0] == 200
    for suffix in ("json", "txt"):
        assert get(page, links[33].replace("/call?", f"/call.{suffix}?"))[0] == 200


def test_huge_message(store, page):
    body = b"<" * 60_000
    fill(store, [packet(CALL[0][2] + body)])
    status, _, text = get(page, f"/message?id={store.messages(CALL_TEXT)[0].id}")
    assert status == 200 and text.count("&lt;") >= 60_000
    fill(store, [packet(CALL[1][2].replace(b"Trying", b"T" * 50_000), BOB, ALICE, 5)])
    assert len(get(page, URL)[2]) < 200_000 and len(get(page)[2]) < 100_000


def test_nested_json_is_no_trouble(store, page):
    fill(store, [packet(b"[" * 30_000, kind=5, cid=CALL_ID), *captured()])
    for message in store.messages(CALL_TEXT):
        assert get(page, f"/message?id={message.id}")[0] == 200
    assert get(page, URL)[0] == 200


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        (colours._VALUE, '\\"'),
        (colours._JSON, '\\"'),
        (colours._LOG, "a."),
        (health._PAIR, "a."),
    ],
    ids=["value", "json", "log", "pair"],
)
def test_hostile_repetition_is_read_once(pattern, part):
    """Not from each place to the end again: that would take hours, and nobody be served."""
    assert len(pattern.findall(part * 500_000)) < 2


@pytest.mark.parametrize(
    ("pattern", "text", "pieces"),
    [
        (
            colours._VALUE,
            r'"A \" b" <sip:a@h>;tag=1 "open \" end',
            [("text", r'"A \" b"'), ("uri", "sip:a@h"), ("name", ";tag")]
            + [("number", "1"), ("text", r'"open \" end')],
        ),
        (
            colours._JSON,
            r'{"k\"": "v", "open',
            [("key", r'"k\""'), ("text", '"v"'), ("text", '"open')],
        ),
        (colours._LOG, "a.b=1 c d", [("name", "a.b"), ("number", "1")]),
    ],
)
def test_colours(pattern, text, pieces):
    assert [piece for piece in colours._pieces(pattern, text) if piece[0]] == pieces


def test_redacted_places_are_marked(store, page):
    line = (
        b'Authorization: Digest username="100", nonce="xxxxxxxxxxxx", response="****************"'
    )
    fill(store, [packet(CALL[0][2].replace(b"CSeq:", line + b"\r\nCSeq:"))])
    text = get(page, f"/message?id={store.messages(CALL_TEXT)[0].id}")[2]
    assert "2 places" in text and text.count('title="redacted by the device"') == 2


def test_quality_is_plotted(store, page):
    blocks = [{"fraction_lost": 64, "packets_lost": 9, "ia_jitter": 80}]
    rtcp = json.dumps({"type": 200, "ssrc": 1, "report_blocks": blocks}).encode()
    report = b'{"TYPE": "FINAL", "MOS": 3.1, "PACKET_LOSS": 5, "EXPECTED_PK": 100, "JITTER": 12.5}'
    fill(store, captured())
    fill(store, [packet(rtcp, kind=5, after_us=2_000_000, cid=CALL_ID)])
    fill(store, [packet(report, kind=34, after_us=5_900_000, cid=CALL_ID)])
    text = get(page, URL)[2]
    assert re.search(r'aria-label="MOS\..* desk-17, whole call: 3.1 to 3.1 "', text)
    assert re.search(r'aria-label="Packet loss\..* desk-17: 25 to 25 %; .*: 5 to 5 %"', text)
    assert re.search(r'aria-label="Jitter\..* desk-17: 10 to 10 ms; .*: 12.5 to 12.5 ms"', text)
    assert re.search(r"Heard.*Told by.*3\.10.*12\.5 ms", visible(text), re.DOTALL)
    assert store.call(CALL_TEXT).mos == 310
    assert rows(get(page, "/?mos=3.6")[2]) == [CALL_TEXT]


@pytest.mark.parametrize("port", ["²", "9" * 5000], ids=["²", "long"])
@pytest.mark.parametrize("value", ["inf", "nan", "-1e308"])
def test_nonsense_of_quality_is_no_trouble(store, page, value, port):
    told = f"VQSessionReport: CallTerm\r\nCallID: {CALL_TEXT}\r\nLocalAddr: IP=h PORT={port}\r\n"
    told += f"LocalMetrics:\r\nQualityEst: MOSCQ={value}\r\nDelay: IAJ={value} RTD={value}\r\n"
    fill(store, [*captured(), packet(told.encode(), kind=35, after_us=9, cid=CALL_ID)])
    assert get(page, URL)[0] == 200
    assert all(get(page, URL.replace("?", f".{kind}?"))[0] == 200 for kind in ("txt", "json"))


def test_agents_and_logs(store, page):
    for up, dropped in ((50, 0), (70, 2), (3, 2)):
        line = b"uhep status uptime=%d dropped=%d heap_free=40000" % (up, dropped)
        fill(store, [packet(line, kind=100)])
    fill(store, [packet(b"no ACK came", kind=100, cid=CALL_ID), *captured()])
    text = visible(get(page, "/agents")[2])
    assert "desk-17" in text and "SIP 7, log 4" in text and "behind or late" in text
    text = get(page, "/agents")[2]
    assert re.search(r'<span class="bad">2</span></td>\s*<td [^>]*><span class="bad">1<', text)
    text = get(page, "/agent?node=2001&name=desk-17")[2]
    assert "<dt>uptime</dt><dd>3</dd>" in text and "uptime. uptime: 3 to 70" in text
    text = get(page, "/logs")[2]
    assert "no ACK came" in text and text.count("its call") == 1


def test_headers_keep_everything_here(page):
    for path in ("/", "/static/app.js", "/nothing", "/call.json?id=x"):
        _, headers, _ = get(page, path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"\sstyle=|<script>|\son[a-z]+=", get(page)[2])
    for path in ("/", "/static/app.js", "/static/app.css"):
        text = get(page, path)[2]
        assert "http:" not in text.replace("http://www.w3.org", "") and "https:" not in text


@pytest.mark.parametrize("name", ["evil.example", "evil.example:80", "127.0.0.1.evil.example:9"])
def test_other_names_get_nothing(store, page, name):
    fill(store, captured())
    status, _, text = get(page, headers={"Host": name})
    assert status == 421 and CALL_TEXT not in text


def test_only_read(page):
    assert get(page, method="POST")[0] == 405


def test_token(store):
    fill(store, captured())
    with page_of(store, token="sésame") as (_, page):
        for path in ("/", URL, "/call.json?id=x", "/events", "/?token=wrong", "/healthz"):
            status, _, text = get(page, path)
            assert status == 401 and CALL_TEXT not in text, path
        word = quote("sésame")
        status, headers, _ = get(page, f"//evil.example/x?token={word}&a=1")
        assert (status, headers["location"]) == (303, "/evil.example/x?a=1")
        cookie = headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie
        assert rows(get(page, "/?q=Ringing", {"Cookie": cookie.partition(";")[0]})[2])
        assert get(page, "/", {"Cookie": "uhep_token=x"})[0] == 401
        assert get(page, "/", {"Cookie": "\x01;;="})[0] == 401
        assert get(page, "/static/app.css")[0] == 200


def test_elsewhere_needs_a_token(store):
    with pytest.raises(PageError, match="--token WORD.*--page 127.0.0.1.*--no-page"):
        Page(store.path, status_of(Server(store, port=0)), "0.0.0.0", 0)
    page = Page(store.path, status_of(Server(store, port=0)), "0.0.0.0", 0, "word")
    assert "0.0.0.0" not in page.url


def test_taken_port(store):
    with page_of(store) as (_, page):
        other = Page(store.path, status_of(Server(store)), "127.0.0.1", page.port)
        with pytest.raises(ListenError, match="in use by another program"):
            asyncio.run(other.start())


def test_events_tell_of_a_packet(store):
    with (
        page_of(store) as (server, page),
        socket.create_connection(("127.0.0.1", page.port), timeout=30) as sock,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        sock.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        file = sock.makefile("rb")

        def event():
            while not (line := file.readline()).startswith(b"data: "):
                assert line, "the events ended"
            return json.loads(line[6:])

        assert event()["received"] == 0
        udp.sendto(good(), ("127.0.0.1", server.port))
        while event()["stored"] != 1:
            pass
        udp.sendto(b"rubbish", ("127.0.0.1", server.port))
        while event()["rejected"] != 1:
            pass
    # The page ended although somebody was listening.


def test_trouble_is_on_every_page(store):
    with page_of(store) as (_, page):
        page._status.trouble = lambda: ["the disk is <full>"]
        for path in ("/", "/agents", "/logs", "/rejects"):
            assert "the disk is &lt;full&gt;" in get(page, path)[2]
