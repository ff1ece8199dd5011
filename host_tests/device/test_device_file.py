"""firmware/device.py: the device file."""

import os
import sys

import device
from doubles import raises
from usip.net import token

PATH = "/tmp/uhep-device-%s.json" % token(8)


def loaded(text):
    """What device.load makes of a file that holds `text`."""
    with open(PATH, "w") as file:
        file.write(text)
    try:
        return device.load(PATH)
    finally:
        os.unlink(PATH)


def test_no_file_gives_the_defaults():
    settings = device.load("no-such-file.json")
    assert settings == device.validate({})
    assert settings["personality"] == "phone" and settings["sip_port"] == 5060
    assert settings["call"] == "" and settings["quit_after_ms"] == 0
    assert settings["name"] == "phone"


def test_a_file_says_what_differs():
    settings = loaded('{"name": "desk-17", "talk_ms": 0, "sip_port": 65535}')
    assert settings["name"] == "desk-17" and settings["sip_port"] == 65535
    assert settings["rtp_port"] == 4000
    for address in ("192.0.2.53", "::1", "2001:db8::192.0.2.1", "fe80::1%eth0"):
        assert loaded('{"address": "%s"}' % address)["address"] == address
    for server in ("", "pbx", "pbx.example.org.", "192.0.2.9:5060", "[2001:db8::1]", "[::1]:5070"):
        assert loaded('{"sip_server": "%s"}' % server)["sip_server"] == server
    for name in ("100", "+49-30-1234567", "a.b_c~d", "%20", ""):
        assert loaded('{"name": "%s"}' % name)["name"] == (name or "phone")
    for address in ("192.0.2.53", "192.0.2.53:5353", ""):
        assert loaded('{"sip_dns": "%s"}' % address)["sip_dns"] == address


def test_what_is_wrong_is_named():
    for text, said in (
        ("[1]", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ('{"talk_ms": -1}', "talk_ms is -1, but must be from 0 to 86400000"),
        ('{"talk_ms": 1.5}', "talk_ms is 1.5, but must be a whole number"),
        ('{"talk_ms": null}', "talk_ms is None, but must be a whole number"),
        ('{"talk": 1}', "unknown key talk; a phone knows: address, "),
        ('{"name": 1}', "name is 1, but must be a string"),
        ('{"name": "a b"}', "name is 'a b', but must be a string of letters, digits and -_.!~"),
        ('{"name": "a@b"}', "name is 'a@b', but must be"),
        ('{"name": "a\\r\\nX: y"}', "name is 'a\\r\\nX: y', but must be"),
        ('{"name": "Zo\\u00eb"}', "but must be a string of letters"),
        ('{"personality": "ata", "user2": "<x>"}', "user2 is '<x>', but must be a string of"),
        ('{"address": "desk-17"}', "address is 'desk-17', but must be an IP address"),
        ('{"address": "h:1"}', "address is 'h:1', but must be an IP address"),
        ('{"address": ""}', "address is '', but must be an IP address"),
        ('{"address": 4}', "address is 4, but must be an IP address"),
        ('{"sip_transport": "tls"}', "sip_transport is 'tls', but must be one of: udp, tcp"),
        ('{"sip_dns": "dns.test"}', "sip_dns is 'dns.test', but must be empty, an IPv4 address"),
        ('{"sip_dns": "1.2.3.4:0"}', "sip_dns is '1.2.3.4:0', but must be empty"),
        ('{"sip_server": "sip:pbx.example.org"}', "but must be empty or a domain, as example.org"),
        ('{"sip_server": "pbx.example.org;transport=tcp"}', "but must be empty or a domain"),
        ('{"sip_server": "x y"}', "sip_server is 'x y', but must be empty or a domain"),
        ('{"sip_server": "desk@pbx"}', "sip_server is 'desk@pbx', but must be empty or"),
        ('{"sip_server": "pbx:65536"}', "sip_server is 'pbx:65536', but must be empty or"),
        ('{"sip_server": "2001:db8::1"}', "but must be empty or a domain"),
        ('{"sip_server": 1}', "sip_server is 1, but must be a string"),
        ('{"sip_dns": 5}', "sip_dns is 5, but must be empty"),
        ('{"gateway": "192.0.2.1"}', "gateway is given, so address must be too"),
        ('{"sip_proxy": "192.0.2.1"}', "sip_proxy is given, so sip_server must be too"),
        (
            '{"personality": "probe", "server": "192.0.2.5:5060", "server_port": 5060}',
            "server_port is sip_port, but must be another",
        ),
        ('{"update_url": "http://h/"}', "update_url is given, so update_key must be too"),
        ('{"update_url": 1}', "update_url must be empty or a URL as http://host:port/path"),
        ('{"personality": 1}', "personality is 1, but must be one that"),
        ('{"personality": "_sip"}', "personality is '_sip', but must be"),
        (
            '{"personality": "toaster"}',
            "personality is 'toaster', but must be one that firmware/keys has",
        ),
    ):
        told = raises(ValueError, loaded, text)
        assert said in told, told


def test_what_is_no_json_has_a_reason():
    for text in ("", "{", "{'a': 1}", "name: x"):
        assert raises(ValueError, loaded, text), text


def test_a_rule_may_be_a_function():
    def even(value):
        return None if value % 2 == 0 else "even"

    assert device._checked("ports", 4, 2, even) == 4
    told = raises(ValueError, device._checked, "ports", 5, 2, even)
    assert told == "ports is 5, but must be even"


def test_true_or_false():
    assert device._checked("log", True, False, None) is True
    for value in (1, "true", None):
        assert "must be true or false" in raises(ValueError, device._checked, "x", value, True, 0)


def test_checking_can_be_let_go():
    kept = {name: sys.modules[name] for name in sys.modules}
    try:
        device.validate({})
        device.forget()
        assert not [n for n in sys.modules if n == "device" or n.split(".")[0] == "keys"]
    finally:
        sys.modules.update(kept)


def test_urls_of_updates():
    for url in ("", "http://192.0.2.7/", "https://fw.example.com:8443/a/b.uhep?c=d", "http://h"):
        assert device.validate({"update_url": url})["update_url"] == url
    for url in (
        "ftp://h/",
        "http://",
        "http://:80/",
        "http://h:0/",
        "http://h:65536/",
        "http://h:x/",
        "http://user@h/",
        "http://user:sesame@h/",
        "http://[2001:db8::1]/",
        "http://h/a b",
        "http://h/\r\nX: y",
    ):
        told = raises(ValueError, device.validate, {"update_url": url})
        assert told.startswith("update_url must be ") and "sesame" not in told, told


def test_a_secret_is_not_said():
    """What is wrong is printed, and sent: not the password itself."""
    for key in ("sip_password", "sip_password2"):
        given = {"personality": "ata" if key[-1] == "2" else "phone", key: 12345678}
        told = raises(ValueError, device.validate, given)
        assert told == key + " must be a string", told
