"""lib/usip/relay.py: what a proxy must do to each kind of message (RFC 3261 16)."""

import random

from relay_doubles import (
    CONTACT,
    DESK,
    HERE,
    PBX,
    gone,
    relay,
    request,
    response,
    routes,
    tcp,
    way,
)
from rfc4475 import messages
from usip.lines import Lines
from usip.ways import PHONE, SERVER


def registered(r, sender=DESK, contact=CONTACT):
    """The Contact that the server gets to know of the desk phone, as a URI."""
    data = request(
        "REGISTER", "sip:pbx.example", "Contact: %s;expires=60" % contact, sender=sender
    )
    m, hop = gone(r.take(data, sender))
    assert hop == r.ways.server
    return m.get("contact").split("<")[1].split(">")[0]


def called(r, sender=DESK):
    """(INVITE as the server gets it, answer as the phone gets it) of a call from the phone."""
    invite = r.take(request("INVITE", sender=sender), sender)[0]
    answer = response(invite, 200, "Contact: <sip:bob@192.0.2.30:5060>")
    return invite, r.take(answer, PBX)[0]


def test_a_request_to_the_server():
    r = relay()
    m, hop = gone(r.take(request("INVITE", "sip:bob@pbx.example", body=b"v=0\r\n"), DESK))
    assert hop == PBX
    assert m.method == "INVITE" and m.uri == "sip:bob@pbx.example" and m.body == b"v=0\r\n"
    vias = m.all("via")
    assert vias[0].startswith("SIP/2.0/UDP 192.0.2.5:5062;branch=z9hG4bK")
    assert vias[1] == (
        "SIP/2.0/UDP 192.0.2.21:5060;branch=z9hG4bKone;received=192.0.2.21;rport=5060"
    )
    assert m.get("max-forwards") == "69"
    recorded = m.all("record-route")
    assert recorded[0] == "<sip:192.0.2.5:5062;lr>"
    assert recorded[1].startswith("<sip:192.0.2.5:5060;lr;uhep=")


def test_untouched_lines_stay_as_they_came():
    odd = ["sUBJECT :\todd\r\n  folded", "X-Bin: \xff", "no colon here", "s: y", "Empty:"]
    data = request("MESSAGE", "sip:x@y", *odd)
    data = data.replace("\xff".encode(), b"\xff\xfe")
    went = relay().take(data, DESK)[0]
    for line in odd:
        assert line.encode().replace("\xff".encode(), b"\xff\xfe") in went, line


def test_a_response_goes_where_its_request_came_from():
    for rport, sent_by, source, back in (
        (";rport", "10.0.0.1", ("192.0.2.21", 40000), ("192.0.2.21", 40000)),
        ("", "192.0.2.21", ("192.0.2.21", 40000), ("192.0.2.21", 5060)),
        ("", "10.0.0.1", ("192.0.2.21", 40000), ("192.0.2.21", 5060)),
        ("", "desk.example", ("192.0.2.21", 40000), ("192.0.2.21", 5060)),
        (";RPORT", "192.0.2.21", ("192.0.2.21", 5060), ("192.0.2.21", 5060)),
    ):
        r = relay()
        source = (PHONE, False) + source
        data = request("OPTIONS", rport=rport, sent_by=sent_by)
        went = r.take(data, source)[0]
        m, hop = gone(r.take(response(went, 200), PBX))
        assert hop == (PHONE, False) + back
        via = m.get("via")
        assert ("received=192.0.2.21" in via) == (bool(rport) or sent_by != "192.0.2.21"), via
        assert ("rport=" in via) == bool(rport)
        assert len(m.all("via")) == 1


def test_provisional_responses_pass():
    r = relay()
    went = r.take(request("INVITE"), DESK)[0]
    for status in (100, 180, 183, 200, 404):
        m, hop = gone(r.take(response(went, status), PBX))
        assert m.status == status and hop == DESK


def test_a_response_that_is_not_ours_is_dropped():
    r = relay()
    went = r.take(request("OPTIONS"), DESK)[0]
    good = response(went, 200)
    token = good.split(b";uhep=")[1].split(b"\r\n")[0]
    other = b"0" if token[-1:] != b"0" else b"1"
    for bad in (
        good.replace(token, token[:-1] + other),
        good.replace(token, b"x"),
        good.replace(b";uhep=" + token, b""),
        response(request("OPTIONS"), 200),
    ):
        assert r.take(bad, PBX) is None
    assert r.foreign == 4
    alien = relay(key=b"another key 1234").take(request("OPTIONS"), DESK)[0]
    assert r.take(response(alien, 200), PBX) is None
    assert r.take(good, PBX)


def test_one_transaction_has_one_branch():
    r = relay()

    def branch(*args, **more):
        m, _ = gone(r.take(request(*args, **more), DESK))
        return m.get("via").split("branch=")[1].split(";")[0]

    invite = branch("INVITE")
    assert branch("INVITE") == invite  # sent again
    assert branch("CANCEL") == invite
    assert branch("ACK", to="<sip:bob@pbx.example>;tag=b1") == invite
    assert branch("INVITE", branch="z9hG4bKtwo") != invite
    assert branch("INVITE", sent_by="10.0.0.1") != invite
    old = branch("INVITE", branch="1")
    assert branch("CANCEL", branch="1") == old
    assert branch("INVITE", branch="1", seq=2) != old
    assert old.startswith("z9hG4bK")


def test_a_phone_calls():
    r = relay()
    invite, answer = called(r)
    assert way(invite)[0] == "Route: <sip:192.0.2.5:5062;lr>"
    for method in ("ACK", "BYE", "INVITE"):
        data = request(
            method,
            "sip:bob@192.0.2.30:5060",
            *routes(answer),
            to="<sip:bob@pbx.example>;tag=b1",
            branch="z9hG4bK" + method,
        )
        m, hop = gone(r.take(data, DESK))
        # The server records no route: straight to where the other end is.
        assert hop == (SERVER, False, "192.0.2.30", 5060)
        assert m.uri == "sip:bob@192.0.2.30:5060" and not m.all("route")
        assert not m.all("record-route")


def test_in_a_dialog_by_the_servers_route():
    r = relay()
    invite = r.take(request("INVITE"), DESK)[0]
    answer = response(invite, 200).replace(
        b"record-route:", b"record-route: <sip:192.0.2.9;lr;did=7>\r\nrecord-route:", 1
    )
    answer = r.take(answer, PBX)[0]
    assert len(routes(answer)) == 3
    for server, over in ((PBX, False), (tcp(PBX), True)):
        r.ways.server = server
        data = request("BYE", "sip:bob@10.0.0.1", *routes(answer), to="<sip:b@x>;tag=1")
        m, hop = gone(r.take(data, DESK))
        assert hop == (SERVER, over, "192.0.2.9", 5060)
        assert m.all("route") == ["<sip:192.0.2.9;lr;did=7>"]
    elsewhere = [
        f.replace("192.0.2.9;lr", "192.0.2.8:5070;transport=tcp;lr") for f in routes(answer)
    ]
    data = request("BYE", "sip:bob@10.0.0.1", *elsewhere, to="<sip:b@x>;tag=1")
    assert r.take(data, DESK)[1] == (SERVER, True, "192.0.2.8", 5070)
    named = [f.replace("192.0.2.9;lr", "edge.example;lr") for f in routes(answer)]
    data = request("BYE", "sip:bob@10.0.0.1", *named, to="<sip:b@x>;tag=1")
    assert r.take(data, DESK)[1] == r.ways.server


def test_the_server_reaches_the_phone_in_a_dialog():
    r = relay()
    invite, _ = called(r)
    for method in ("BYE", "INVITE"):
        data = request(
            method, "sip:desk@10.9.9.9", *way(invite), sender=PBX, to="<sip:d@x>;tag=d1"
        )
        m, hop = gone(r.take(data, PBX))
        assert hop == DESK and m.uri == "sip:desk@10.9.9.9" and not m.all("route")
        assert m.get("via").startswith("SIP/2.0/UDP 192.0.2.5:5060;")
        answered, back = gone(r.take(response(r.take(data, PBX)[0], 200), DESK))
        assert back == PBX and len(answered.all("via")) == 1


def test_routes_in_one_line():
    r = relay()
    invite, _ = called(r)
    line = "Route: " + ", ".join([f[7:] for f in way(invite)] + ['"a, b" <sip:x;lr>'])
    m, hop = gone(r.take(request("BYE", "sip:d@1.2.3.4", line, to="<sip:d@x>;tag=d1"), PBX))
    assert hop == DESK and m.all("route") == ['"a, b" <sip:x;lr>']


def test_registration_and_a_call_to_the_phone():
    r = relay()
    uri = registered(r)
    assert uri.startswith("sip:desk@192.0.2.5:5062;uhep=")
    data = request("INVITE", uri, sender=PBX)
    m, hop = gone(r.take(data, PBX))
    assert hop == DESK and m.uri == "sip:desk@192.0.2.21:5060"
    recorded = m.all("record-route")
    assert recorded[0].startswith("<sip:192.0.2.5:5060;lr;uhep=")
    assert recorded[1] == "<sip:192.0.2.5:5062;lr>"
    # It rings, the caller gives up: the same branch, to the same phone.
    cancel, hop = gone(r.take(request("CANCEL", uri, sender=PBX), PBX))
    assert hop == DESK and cancel.uri == m.uri
    assert cancel.get("via") == m.get("via")
    ack, hop = gone(r.take(request("ACK", uri, sender=PBX, to="<sip:d@x>;tag=1"), PBX))
    assert hop == DESK and ack.get("via") == m.get("via") and not ack.all("record-route")


def test_the_phone_hangs_up_a_call_that_came():
    r = relay()
    invite = r.take(request("INVITE", registered(r), sender=PBX), PBX)[0]
    data = request("BYE", "sip:bob@192.0.2.30", *way(invite), to="<sip:b@x>;tag=1")
    m, hop = gone(r.take(data, DESK))
    assert hop == (SERVER, False, "192.0.2.30", 5060) and not m.all("route")


def test_a_binding_survives_a_restart():
    uri = registered(relay())
    assert registered(relay()) == uri
    m, hop = gone(relay().take(request("INVITE", uri, sender=PBX), PBX))
    assert hop == DESK and m.uri == "sip:desk@192.0.2.21:5060"


def test_the_phone_sees_its_own_contact_again():
    r = relay()
    for contact in (
        '<sip:desk@192.0.2.21:5060;ob>;expires=60;+sip.instance="<urn:uuid:1>"',
        "sip:desk@192.0.2.21;expires=60",
        '"D, <esk>" <sip:192.0.2.21>;q=0.5',
    ):
        data = request("REGISTER", "sip:pbx.example", "Contact: " + contact)
        went = r.take(data, DESK)[0]
        theirs = Lines(went).get("contact")
        assert "192.0.2.5:5062" in theirs and "192.0.2.21" not in theirs
        both = "Contact: %s, <sip:desk@10.1.1.1>;expires=9" % theirs
        mine = gone(r.take(response(went, 200, both), PBX))[0].get("contact")
        if not contact.startswith("sip:"):
            assert mine == contact + ", <sip:desk@10.1.1.1>;expires=9"
        else:
            assert mine.startswith("<sip:desk@192.0.2.21>;expires=60,")


def test_contacts_that_are_left_alone():
    r = relay()
    for contact in ("*", "<tel:+1234>", "<sips:desk@192.0.2.21>"):
        data = request("REGISTER", "sip:pbx.example", "m: " + contact, "Expires: 0")
        assert ("m: " + contact).encode() in r.take(data, DESK)[0] or contact != "*"
        assert Lines(r.take(data, DESK)[0]).get("contact") == contact
    data = request("REGISTER", "sip:pbx.example")
    assert Lines(r.take(data, DESK)[0]).get("contact") is None
    data = request("SUBSCRIBE", "sip:x@y", "Contact: " + CONTACT)
    assert Lines(r.take(data, DESK)[0]).get("contact") == CONTACT


def test_registration_with_path():
    r = relay(path=True)
    data = request("REGISTER", "sip:pbx.example", "Contact: " + CONTACT)
    m, _ = gone(r.take(data, DESK))
    assert m.get("contact") == CONTACT and m.get("supported") == "path"
    path = m.get("path")
    assert path.startswith("<sip:192.0.2.5:5062;lr;uhep=")
    data = request("INVITE", "sip:desk@192.0.2.21:5060", "Route: " + path, sender=PBX)
    m, hop = gone(r.take(data, PBX))
    assert hop == DESK and m.uri == "sip:desk@192.0.2.21:5060" and not m.all("route")


def test_a_phone_that_knows_the_probe_as_its_server():
    r = relay()
    m, hop = gone(r.take(request("INVITE", "sip:bob@192.0.2.5"), DESK))
    assert hop == PBX and m.uri == "sip:bob@192.0.2.9:5060"
    m, hop = gone(r.take(request("REGISTER", "sip:192.0.2.5:5060"), DESK))
    assert hop == PBX and m.uri == "sip:192.0.2.9:5060"


def test_an_outbound_proxy_as_a_route():
    for route in (
        "<sip:192.0.2.5:5060;lr>",
        "<sip:192.0.2.5>",
        "<sip:192.0.2.5;transport=udp;lr>",
    ):
        m, hop = gone(relay().take(request("INVITE", "sip:b@x", "Route: " + route), DESK))
        assert hop == PBX and not m.all("route")


def test_no_open_relay():
    r = relay()
    uri = registered(r)
    # From outside: nobody but who has a URI of ours gets to anybody.
    for data, status in (
        (request("INVITE", "sip:x@198.51.100.1"), 404),
        (request("INVITE", "sip:desk@192.0.2.5:5062"), 404),
        (request("INVITE", uri[:-1] + ("0" if uri[-1] != "0" else "1")), 404),
        (request("INVITE", "sip:x@198.51.100.1", "Route: <sip:192.0.2.5:5062;lr>"), 403),
    ):
        m, hop = gone(r.take(data, (SERVER, False, "203.0.113.1", 5060)))
        assert (m.status, hop[2]) == (status, "203.0.113.1")
    # From inside: to the server, until it has a dialog through us.
    for route in ("<sip:192.0.2.5:5060;lr>", "<sip:198.51.100.1;lr>"):
        data = request("BYE", "sip:x@198.51.100.1", "Route: " + route, to="<sip:x@y>;tag=1")
        assert r.take(data, DESK)[1] == PBX


def test_two_phones_whose_server_keeps_out_of_the_dialog():
    other = (PHONE, False, "192.0.2.22", 5060)
    r = relay()
    uri = registered(r, other, "<sip:bob@192.0.2.22:5060>")
    first = r.take(request("INVITE"), DESK)[0]
    m = Lines(first)  # the server sends it back with another URI and a Via of its own
    m.uri = uri
    m.push("via", "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKpbx")
    second, hop, _ = r.take(m.encode(), PBX)
    assert hop == other and len(way(second)) == 4
    answer, hop = gone(r.take(response(second, 200), other))
    assert hop == PBX
    answer.pop("via")
    answer, hop, _ = r.take(answer.encode(), PBX)
    assert hop == DESK
    bye = request("BYE", "sip:bob@192.0.2.22:5060", *routes(answer), to="<sip:b@x>;tag=1")
    m, hop = gone(r.take(bye, DESK))
    assert hop == other and not m.all("route")
    bye = request("BYE", "sip:desk@192.0.2.21:5060", *way(second), to="<sip:d@x>;tag=1")
    m, hop = gone(r.take(bye, other))
    assert hop == DESK and not m.all("route")


def test_max_forwards():
    r = relay()
    assert gone(r.take(request("INVITE", hops=1), DESK))[0].get("max-forwards") == "0"
    for hops, status in ((0, 483), ("many", 400), (-1, 400)):
        m, hop = gone(r.take(request("INVITE", hops=hops), DESK))
        assert m.status == status and hop == DESK
    data = request("INVITE").replace(b"Max-Forwards: 70\r\n", b"")
    assert gone(r.take(data, DESK))[0].get("max-forwards") == "70"


def test_loops():
    r = relay()
    went = r.take(request("INVITE"), DESK)[0]
    m, hop = gone(r.take(went, DESK))  # exactly what we had sent
    assert m.status == 482
    assert relay(server=(SERVER, False) + HERE[0]).take(request("INVITE"), DESK)[0][:11] == (
        b"SIP/2.0 482"
    )


def test_refusals():
    r = relay()
    ok = request("INVITE")
    for data, status in (
        (request("INVITE", "sip:b@x", "Proxy-Require: gadget"), 420),
        (ok.replace(b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia"), 505),
        (ok.replace(b"INVITE sip:bob@pbx.example", b"INVITE sip:bob; lr@x"), 400),
        (ok.replace(b"Call-ID: c1\r\n", b""), 400),
        (ok.replace(b"From: ", b"Form: "), 400),
        (request("INVITE", "sip:b@x", "Content-Length: 9", body=b"short"), 400),
        (request("INVITE", "sip:b@x", "Content-Length: -1"), 400),
    ):
        m, hop = gone(r.take(data, DESK))
        assert (m.status, hop) == (status, DESK), data
        if status != 400:
            assert m.get("call-id") == "c1" and ";tag=" in m.get("to")
        if status == 420:
            assert m.get("unsupported") == "gadget"
    assert r.answered == 7 and r.relayed == 0


def test_the_ack_of_an_answer_of_ours_goes_no_further():
    r = relay()
    refused = r.take(request("INVITE", hops=0), DESK)[0]
    to = Lines(refused).get("to")
    assert r.take(request("ACK", to=to), DESK) is None
    assert r.take(request("ACK", to="<sip:bob@pbx.example>;tag=else"), DESK)
    assert r.take(request("ACK", hops=0, to="<sip:b@x>;tag=else"), DESK) is None


def test_what_can_not_be_answered_is_dropped():
    r = relay()
    for data in (
        b"",
        b"\r\n\r\n",
        b"hello",
        b"\0\x01\xff" * 9,
        b"INVITE",
        b"INVITE sip:x SIP/2.0",
        b"INVITE sip:x SIP/2.0\r\n\r\n",
        b"INVITE sip:x SIP/2.0\r\nVia: \r\n\r\n",
        b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP\r\n\r\n",
        b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a:b\r\n\r\n",
        b"SIP/2.0\r\n\r\n",
        b"SIP/2.0 4294967301 x\r\n\r\n",
        b"SIP/2.0 200 OK\r\nContent-Length: 9\r\n\r\n",
    ):
        assert r.take(data, DESK) is None, data
    assert r.malformed == 13 and r.answered == r.relayed == 0


def test_a_body_ends_where_its_length_says():
    data = request("MESSAGE", "sip:b@x", "l: 3", body=b"abcdef")
    assert gone(relay().take(data, DESK))[0].body == b"abc"
    data = request("MESSAGE", "sip:b@x", body=b"abcdef")
    assert gone(relay().take(data, DESK))[0].body == b"abcdef"


def test_a_strict_router_before_us():
    r = relay()
    invite, _ = called(r)
    recorded = [f[7:] for f in way(invite)]
    # It has moved our first route into the URI, and the real one to the end.
    data = request(
        "BYE",
        recorded[0][1:-1],
        "Route: " + recorded[1],
        "Route: <sip:desk@192.0.2.21:5060>",
        to="<sip:d@x>;tag=1",
        sender=PBX,
    )
    m, hop = gone(r.take(data, PBX))
    assert hop == DESK and m.uri == "sip:desk@192.0.2.21:5060" and not m.all("route")


def test_addresses_of_ipv6():
    here = [("2001:db8::5", 5060), ("2001:db8::5", 5062)]
    r = relay(server=(SERVER, False, "2001:db8::9", 5060))
    r.ways.here = here
    phone = (PHONE, False, "2001:db8::21", 5060)
    data = request(
        "REGISTER", "sip:x", "Contact: <sip:d@[2001:db8::21]>", sent_by="[2001:db8::21]"
    )
    m, _ = gone(r.take(data, phone))
    assert m.get("via").startswith("SIP/2.0/UDP [2001:db8::5]:5062;branch=")
    uri = m.get("contact").split("<")[1].split(">")[0]
    m, hop = gone(r.take(request("INVITE", uri), (SERVER, False, "2001:db8::9", 5060)))
    assert hop == phone and m.uri == "sip:d@[2001:db8::21]"


def test_no_mutated_message_raises():
    r = relay()
    uri = registered(r)
    invite, answer = called(r)
    seeds = [data for _, data in messages()]
    seeds += [invite, answer, response(invite, 200), request("INVITE", uri, *way(invite))]
    pieces = [b"\r\n", b"\n ", b",", b'"', b"<", b">", b";", b":", b"@", b"\0", b"\xff", b"%"]
    pieces += [b"\nVia:", b"\nRoute: <sip:192.0.2.5;lr>", b"\nl: -1", b" SIP/2.0", b";uhep="]
    random.seed(1)
    sources = (DESK, PBX, tcp(DESK), tcp(PBX))
    said = 0
    for number in range(1500):
        data = seeds[number % len(seeds)]
        for _ in range(1 + random.getrandbits(2)):
            at = random.getrandbits(12) % len(data)
            piece = pieces[random.getrandbits(8) % len(pieces)]
            data = data[:at] + piece + data[at + random.getrandbits(3) :]
        if not random.getrandbits(3):
            data = data[: random.getrandbits(12) % len(data)]
        went = r.take(data, sources[random.getrandbits(2)])
        if went:
            said += 1
            Lines(went[0])  # what leaves is a message
            r.unsent(went[0])
    assert said > 300
    assert r.malformed > 100
    assert len(r._repeats) <= 16
