"""The fixtures and matchers for users' tests: what they accept, and what they say when not."""

import re
import time

import pytest
from sipmake import CALL_ID, captured, packet
from uhep_tools.hep import decode
from uhep_tools.matching import in_order, message, quality
from uhep_tools.message import message as of_packet

HEAP = "256K"  # what a board holds is not the question here


def entries(raws=None):
    return [of_packet(decode(raw), raw, "127.0.0.1:9", 1) for raw in raws or captured()]


def test_two_phones(hep_server, hep_device):
    """The fixtures as a user has them: two emulated phones, judged by what they captured."""
    bob = hep_device("bob", heap=HEAP, quit_after_calls=1)
    uri = f"sip:bob@127.0.0.1:{bob.sip_port}"
    alice = hep_device("alice", heap=HEAP, call=uri, talk_ms=300, quit_after_calls=1)
    call = hep_server.wait_call(state="ended", from_user="alice", messages=14)
    assert call.agents == ["alice", "bob"] and call.to_user == "bob"
    call.in_order(message("INVITE"), message(180), message(200), message("ACK"), message("BYE"))
    for name in ("alice", "bob"):
        assert call.count(message("INVITE", agent=name, body=re.compile("^m=audio", re.M))) == 1
        assert call.count(message(agent=name)) == 7
    assert call.count(message("sip")) == 14
    assert call.count(message(200, headers={"CSeq": re.compile("BYE"), "i": call.call})) == 2
    for phone in (alice, bob):
        counts = phone.wait(60)
        assert counts["capture"]["sent"] >= 7 and counts["capture"]["dropped"] == 0
    assert hep_server.server.counters.rejected.total() == 0


def test_other_devices(hep_device):
    """Each has the ports that it takes."""
    ata = hep_device("ata", personality="ata", quit_after_ms=1)
    server = f"127.0.0.1:{ata.sip_port}"
    probe = hep_device("probe", personality="probe", server=server, quit_after_ms=1)
    lines = ata.wait(60)["lines"]
    assert [line["sip_port"] for line in lines] == [ata.sip_port, ata.sip_port + 1]
    assert probe.wait(60)["sip_port"] == probe.sip_port


@pytest.mark.hep_server(key="sesame")
def test_key_of_the_marker(hep_server, hep_device):
    hep_device("right", hep={"capture_password": "sesame"}, call="sip:x@127.0.0.1:9")
    hep_device("wrong", hep={"capture_password": "other"}, call="sip:x@127.0.0.1:9")
    [invite] = hep_server.wait(message("INVITE"))[:1]
    assert invite == message("INVITE", agent="right", target="127.0.0.1:9")
    assert hep_server.calls(from_user="wrong") == []
    end = time.monotonic() + 30
    while not hep_server.capture.refused and time.monotonic() < end:
        time.sleep(0.02)
    with pytest.raises(pytest.fail.Exception, match=r"refused \(\d+\): .* key .* is wrong"):
        hep_server.wait(message("BYE"), timeout=0)


@pytest.mark.parametrize(
    "matcher",
    [
        message(),
        message("INVITE"),
        message("sip"),
        message("INVITE", cseq=1, source="192.0.2.10:5060", agent="desk-17"),
        message("INVITE", headers={"From": re.compile("sip:100@"), "i": CALL_ID.decode()}),
        message("INVITE", body="v=0\r\n", payload=lambda text: text.startswith("INVITE")),
    ],
    ids=range(6),
)
def test_matcher_matches(matcher):
    assert entries()[0] == matcher and matcher == entries()[0]


@pytest.mark.parametrize(
    ("matcher", "why"),
    [
        (message("BYE"), "method is 'INVITE', not 'BYE'"),
        (message(200), "status is None, not 200"),
        (message("rtcp"), "type is 1, not 5"),
        (message("INVITE", agent="lobby"), "agent is 'desk-17', not 'lobby'"),
        (message(headers={"Subject": "x"}), "Subject is absent, not 'x'"),
        (message(body=re.compile("m=audio")), "body is 'v=0"),
    ],
    ids=range(6),
)
def test_matcher_says_why_not(matcher, why):
    assert entries()[0] != matcher
    assert why in matcher.differences(entries()[0])[0]
    assert matcher != "INVITE"


def test_a_response_is_no_request():
    assert entries()[2] == message(100) and entries()[2] != message("INVITE")


def test_order():
    calls = entries(captured(at="A"))
    assert in_order(calls, message("INVITE"), message(180), message("BYE")) == ""
    assert in_order(calls, message("INVITE"), message(180), message(180)).startswith(
        "no message(180) after message(180); there is\n  200 OK"
    )
    assert in_order(calls, message("BYE"), message("ACK"))
    assert in_order([], message()) == "no message(); there is\n  nothing"


def test_quality_is_the_worst():
    rtcp = b'{"type": 200, "report_blocks": [{"fraction_lost": 128, "ia_jitter": 160}]}'
    raws = [packet(rtcp, kind=5), packet(b'{"MOS": 4.1}', kind=34), packet(b'{"MOS": 3}', kind=34)]
    found = quality(entries([*raws, packet(b"log", kind=100)]))
    assert (found.mos, found.loss, found.jitter_ms, found.reports) == (3.0, 50.0, 20.0, 3)
    assert quality([]).mos is None


def test_a_users_suite(pytester):
    """In a project of its own: what passes, what fails, and what the failures say."""
    pytester.makeconftest('pytest_plugins = ["uhep_tools.pytest_plugin"]')
    pytester.makefile(
        ".yaml",
        call="packets:\n- {sip: {method: INVITE}}\n- {sip: {method: BYE}}\nignore: [log]\n",
    )
    pytester.makepyfile(
        """
        import pytest
        from uhep_tools.matching import message

        def test_nothing_came(hep_server):
            hep_server.wait_call(timeout=0, state="ended")

        def test_no_such_packet(hep_server):
            hep_server.wait(message("INVITE"), timeout=0)

        def test_expectation(hep_server):
            hep_server.expect("call.yaml", timeout=0, settle=0)

        def test_database(hep_server):
            assert hep_server.store.count() == 0 and hep_server.calls() == []

        def test_a_device_that_does_not_start(hep_device):
            hep_device("desk", tone=1).wait(30)

        @pytest.mark.hep_server("sesame")
        def test_marker(hep_server):
            pass

        def test_two_of_a_name(hep_device):
            hep_device("desk").kill()
            for _ in range(2):
                hep_device("desk")
        """
    )
    done = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=1, failed=5, errors=1)
    done.stdout.fnmatch_lines(
        [
            "*hep_server has no use for 'sesame'*",
            "*no call with {'state': 'ended'} came in 0 s; there is: []*",
            "*0 of 1 message('INVITE') came; there is*",
            "*nothing*",
            "*FAIL*2 packets expected, 0 came*",
            "desk | device.json: unknown key tone; *",
            "*desk runs already*",
        ],
        consecutive=False,
    )
