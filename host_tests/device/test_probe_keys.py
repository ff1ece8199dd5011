"""device.json of the probe and the sniffer."""

import device
from doubles import raises


def told(**given):
    return raises(ValueError, device.validate, given)


def test_a_probe_needs_its_server():
    settings = device.validate({"personality": "probe", "server": "192.0.2.9:5060"})
    assert settings["name"] == "probe" and settings["sip_port"] == 5060
    assert settings["server_transport"] == "udp" and settings["connections"] == 4
    device.validate({"personality": "probe", "server": "[2001:db8::1]:5060"})
    for server in ("", "192.0.2.9", "192.0.2.9:", ":5060", "x:70000", "x:0", 5060, None):
        assert 'must be "host:port" of the SIP server' in told(personality="probe", server=server)
    assert "server is ''" in told(personality="probe")


def test_what_a_probe_does_not_take():
    for key, value, said in (
        ("server_transport", "tls", "one of: udp, tcp"),
        ("register", "both", "one of: contact, path"),
        ("connections", 0, "from 1 to 64"),
        ("message_bytes", 100, "from 1024 to 65535"),
        ("rtp_port", 4000, "unknown key rtp_port; a probe knows: address, "),
    ):
        given = {"personality": "probe", "server": "192.0.2.9:5060", key: value}
        assert said in raises(ValueError, device.validate, given)


def test_a_sniffer_needs_its_interface():
    settings = device.validate({"personality": "sniffer", "interface": "eth0.7"})
    assert settings["ports"] == [5060] and settings["content"] is True
    for interface in ("", "../x", "a/b", "..", 1, None):
        said = 'must be the name of an interface, as "eth0"'
        assert said in told(personality="sniffer", interface=interface)


def test_what_a_sniffer_does_not_take():
    for key, value, said in (
        ("ports", [], "a list of ports, as [5060]"),
        ("ports", 5060, "a list of ports, as [5060]"),
        ("ports", [0], "a list of ports, as [5060]"),
        ("ports", [True], "a list of ports, as [5060]"),
        ("ports", ["5060"], "a list of ports, as [5060]"),
        ("content", 1, "true or false"),
        ("frame_bytes", 100, "from 1600 to 70000"),
        ("sip_port", 5060, "unknown key sip_port"),
    ):
        given = {"personality": "sniffer", "interface": "eth0", key: value}
        assert said in raises(ValueError, device.validate, given)
