"""Configuration: complete, or an error that names key, value and what would be right."""

import os

from uhep import Agent
from uhep.config import ConfigError, load, validate

GOOD = {"capture_address": "192.0.2.9:9060"}


def error(config):
    try:
        validate(config)
    except ConfigError as e:
        return str(e)
    raise AssertionError("taken: %r" % (config,))


def test_defaults():
    c = validate(GOOD)
    assert c["enabled"] is True
    assert c["capture_address"] == ["192.0.2.9:9060"]
    assert c["capture_password"] == "" and c["capture_name"] == "" and c["capture_id"] == 0
    assert c["uuid_type"] == "call-id" and c["transport"] == "udp"
    assert c["queue_bytes"] == 8192 and c["drop"] == "oldest" and c["flows"] == 8


def test_complete_is_valid():
    c = validate(GOOD)
    assert validate(c) == c
    c = validate({"enabled": False})
    assert validate(c) == c


def test_several_addresses():
    addresses = ["192.0.2.9:9060", "[2001:db8::9]:9060", "collector.example:1"]
    assert validate({"capture_address": addresses})["capture_address"] == addresses


def test_bad_values():
    for key, value, right in (
        ("capture_address", "192.0.2.9", "host:port"),
        ("capture_address", "192.0.2.9:0", "host:port"),
        ("capture_address", "192.0.2.9:65536", "host:port"),
        ("capture_address", "192.0.2.9:x", "host:port"),
        ("capture_address", ":9060", "host:port"),
        ("capture_address", "2001:db8::9:9060", "[IPv6]:port"),
        ("capture_address", "", "host:port"),
        ("capture_address", [], "list"),
        ("capture_address", ["192.0.2.9:9060", 7], "host:port"),
        ("capture_address", 9060, "host:port"),
        ("capture_address", b"192.0.2.9:9060", "host:port"),
        ("capture_address", [b"192.0.2.9:9060"], "host:port"),
        ("capture_id", -1, "4294967295"),
        ("capture_id", 1 << 32, "4294967295"),
        ("capture_id", "2001", "integer"),
        ("capture_id", True, "integer"),
        ("capture_id", 1.5, "integer"),
        ("capture_name", 'desk "17"', "A-Z"),
        ("capture_name", "desk\0", "A-Z"),
        ("capture_name", "d" * 65, "64"),
        ("capture_name", "b\u00fcro", "A-Z"),
        ("capture_name", "desk\u00b2", "A-Z"),
        ("capture_name", 17, "A-Z"),
        ("enabled", 1, "true or false"),
        ("enabled", "yes", "true or false"),
        ("uuid_type", "sip", "call-id, channel"),
        ("transport", "sctp", "udp"),
        ("profile", "asterisk", "homer, kamailio, sngrep"),
        ("drop", None, "oldest, newest"),
        ("queue_bytes", 100, "1024"),
        ("max_packet", 100000, "65507"),
        ("before_time", "guess", "hold, zero"),
        ("tls_proto", 17, "6, 22"),
        ("tls_proto", True, "6, 22"),
        ("flows", 0, "1"),
        ("failback_s", 5, "10"),
        ("stall_s", 1, "2"),
        ("keepalive_s", -1, "3600"),
        ("tcp_buffer", 100, "2048"),
        ("dns", "ns.example", "IPv4"),
        ("dns", "192.0.2.256", "IPv4"),
        ("dns", "192.0.2.53:x", "IPv4"),
        ("dns", 53, "IPv4"),
        ("dns", "192.0.2.53:53:9", "IPv4"),
        ("dns", " 192.0.2.53", "IPv4"),
        ("spool", {}, "null or {"),
        ("spool", False, "null or {"),
        ("tls_pin", "ab:cd", "64 hex"),
        ("tls_pin", "g" * 64, "64 hex"),
        ("tls_pin", None, "64 hex"),
        ("tls_ca", 1, "text"),
        ("tls_verify", False, "full, none"),
        ("transport", "dtls", "udp, tcp, tls"),
    ):
        config = dict(GOOD)
        config[key] = value
        text = error(config)
        assert text.startswith(key + ": "), text
        assert right in text, (text, right)
        assert repr(value) in text, (text, value)


def test_a_password_is_not_printed():
    text = error(dict(GOOD, capture_password='se"same'))
    assert text.startswith("capture_password: ") and "same" not in text


def test_unknown_key():
    text = error(dict(GOOD, captur_id=5))
    assert text.startswith("captur_id: ") and "capture_id" in text


def test_no_address():
    assert "capture_address" in error({})
    assert validate({"enabled": False})["capture_address"] == []


def test_not_an_object():
    for config in ([], None, 5, "x"):
        assert "is an object" in error(config) and repr(config) in error(config)


def test_profile_limits():
    assert validate(dict(GOOD, profile="sngrep", max_packet=20479))["max_packet"] == 20479
    text = error(dict(GOOD, profile="sngrep", max_packet=20480))
    assert text.startswith("max_packet: 20480") and "20479" in text


def _file(text):
    name = "capture-config-test.json"
    with open(name, "w") as f:
        f.write(text)
    return name


def test_load():
    name = _file('{"capture_address": "192.0.2.9:9060", "capture_id": 7}')
    try:
        assert load(name)["capture_id"] == 7
        assert Agent(name).node == 7
    finally:
        os.remove(name)


def test_load_nothing():
    assert load("no-such-file.json")["enabled"] is False
    a = Agent("no-such-file.json")
    assert a.enabled is False and a.poll() == 0


def test_load_rubbish():
    for text in ("", "{", "{'a': 1}", '{"enabled": tru}', "[1, 2", "\0\xff"):
        name = _file(text)
        try:
            load(name)
        except ConfigError as e:
            assert name in str(e) and "JSON" in str(e)
        else:
            assert False, text
        finally:
            os.remove(name)
    name = _file("[]")
    try:
        load(name)
    except ConfigError as e:
        assert "is an object" in str(e)
    else:
        assert False
    finally:
        os.remove(name)


def test_transports():
    for more in (
        {"transport": "tcp", "dns": "192.0.2.53:5353"},
        {"transport": "tls", "tls_ca": "/ca.pem"},
        {"transport": "tls", "tls_pin": "AB:" * 31 + "cd"},
        {"transport": "tls", "tls_verify": "none"},
        {"transport": "tls", "tls_ca": "/ca.pem", "tls_cert": "/a", "tls_key": "/b"},
        {"transport": "tls", "tls_verify": "none", "tls_cert": "/a", "tls_key": "/b"},
        {"enabled": False, "transport": "tcp", "capture_address": []},
        {"collectors": "copy", "capture_address": ["192.0.2.1:1", "192.0.2.2:2"]},
    ):
        config = dict(GOOD)
        config.update(more)
        c = validate(config)
        assert validate(c) == c
        assert "closed" in Agent(config).link.status


def test_tls_keys_that_do_not_go_together():
    for more, key, right in (
        ({"transport": "tls"}, "tls_ca", "tls_pin"),
        ({"tls_ca": "/ca.pem"}, "transport", '"tls"'),
        ({"transport": "tcp", "tls_pin": "0" * 64}, "transport", '"tls" with tls_pin'),
        ({"transport": "tls", "tls_ca": "/a", "tls_verify": "none"}, "tls_verify", "full"),
        ({"transport": "tls", "tls_ca": "/a", "tls_cert": "/b"}, "tls_key", "both"),
        ({"transport": "tls", "tls_ca": "/a", "tls_key": "/b"}, "tls_cert", "both"),
        ({"transport": "tls", "tls_verify": "none", "tls_key": "/b"}, "tls_cert", "both"),
        ({"transport": "tcp", "profile": "kamailio", "max_packet": 16384}, "max_packet", "16383"),
    ):
        config = dict(GOOD)
        config.update(more)
        text = error(config)
        assert text.startswith(key + ": ") and right in text, text
