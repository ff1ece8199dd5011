"""firmware/device.py: the device file."""

import os

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


def test_a_file_says_what_differs():
    settings = loaded('{"name": "desk-17", "talk_ms": 0, "sip_port": 65535}')
    assert settings["name"] == "desk-17" and settings["sip_port"] == 65535
    assert settings["rtp_port"] == 4000


def test_what_is_wrong_is_named():
    for text, said in (
        ("[1]", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ('{"talk_ms": -1}', "talk_ms is -1, but must be from 0 to 86400000"),
        ('{"talk_ms": 1.5}', "talk_ms is 1.5, but must be a whole number"),
        ('{"talk_ms": null}', "talk_ms is None, but must be a whole number"),
        ('{"talk": 1}', "unknown key talk; known are: address"),
        ('{"name": 1}', "name is 1, but must be a string"),
        ('{"personality": "toaster"}', "personality is 'toaster', but must be one of: phone"),
    ):
        told = raises(ValueError, loaded, text)
        assert said in told, told


def test_what_is_no_json_has_a_reason():
    for text in ("", "{", "{'a': 1}", "name: x"):
        assert raises(ValueError, loaded, text), text
