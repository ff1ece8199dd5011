"""Two real phones call each other: proxy and media relay send what they see of it."""

import json
from itertools import permutations

import pytest
from peers import baresip, kamailio, network, rtpengine
from uhep_tools.server import Server, in_thread
from uhep_tools.store import Store
from waiting import until


@pytest.mark.peer("baresip", "kamailio", "rtpengine")
def test_call(tmp_path):
    """baresip calls baresip; siptrace and rtpengine to `uhep serve`: one call, SIP and RTCP"""
    with Store(tmp_path / "hep.db") as store:
        network.isolated(lambda: _call(tmp_path, store))
        calls = {call.method: call for call in store.calls()}
        call = calls["INVITE"]
        messages = store.messages(call.call)

    assert calls["REGISTER"].state == "200 OK"
    assert (call.from_user, call.to_user, call.state) == ("alice", "bob", "ended")
    assert set(call.agents) == {f"node {kamailio.CAPTURE_ID}", f"node {rtpengine.CAPTURE_ID}"}

    senders = _sender_reports(messages)
    assert len(senders) == 2
    for mine, theirs in permutations(senders):
        assert senders[mine]["sender_information"]["packets"] > 0
        assert [block["source_ssrc"] for block in senders[mine]["report_blocks"]] == [theirs]


def _call(folder, store):
    with (
        in_thread(Server(store, port=0)) as server,
        rtpengine.rtpengine(folder, server.port) as control,
        kamailio.proxy(
            folder, server.port, {}, "TRACE_ALL", "WITH_RTPENGINE", rtpengine=control
        ) as proxy,
        baresip.phone(folder, "alice", proxy) as alice,
        baresip.phone(folder, "bob", proxy),
    ):
        until(
            lambda: [call.state for call in store.calls()] == ["200 OK"] * 2,
            lambda: f"two registrations: {store.calls()}",
        )
        alice.command("dial", "sip:bob@uhep.test")
        until(
            lambda: len(_sender_reports(_messages(store))) == 2,
            lambda: f"a report of each phone: {store.calls()}",
            seconds=30,  # a phone reports every 5 s
        )
        alice.command("hangup")
        until(
            lambda: any(call.state == "ended" for call in store.calls()),
            lambda: f"the end: {store.calls()}",
        )


def _messages(store):
    return [message for call in store.calls() for message in store.messages(call.call)]


def _sender_reports(messages):
    """The last sender report with a block of each source, by its SSRC."""
    reports = [json.loads(m.packet.payload) for m in messages if m.type == 5]
    return {
        report["ssrc"]: report
        for report in reports
        # What holds no report, a goodbye say, has neither type nor blocks.
        if report.get("type") == 200 and report["report_blocks"]
    }
