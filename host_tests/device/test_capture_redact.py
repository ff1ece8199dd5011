"""Redaction in the ring, on each interpreter; test_redact.py has the oracle."""

from capture_doubles import CONFIG, agent, chunks, drain, field
from network_doubles import raises
from uhep import IN, LOG, OUT, SDP, config, secrets
from uhep.config import ConfigError

try:
    from uhep import _secrets
except (ImportError, SyntaxError, ValueError, NameError):
    _secrets = None

FLOW = (("192.0.2.10", 5060), ("192.0.2.20", 5060))
ALL = ["auth", "keys", "message", "dtmf", "users"]
HEAD = b"%s sip:200@h SIP/2.0\r\nFrom: <sip:alice@h>;tag=1\r\nCall-ID: c1@h\r\nCSeq: 1 %s\r\n"
AUTH = b'Authorization: Digest username="alice", nonce="5f3a",\r\n response="6629", nc=0001\r\n'
SDES = b"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3|2^20|1:32\r\nm=a\r\n"


def message(method, headers=b"", body=b""):
    text = HEAD % (method, method) + headers
    return text + b"Content-Length: %d\r\n\r\n" % len(body) + body


def redacted(text, kinds, kind=1, cid=None):
    """The payload and the packet that leave."""
    a = agent(redact=kinds, redact_salt="eight or more", status_s=0)
    assert a.capture(a.flow(*FLOW, kind=kind), IN, text, len(text), cid)
    (packet,) = drain(a)
    chunks(packet)
    assert len(field(packet, 15)) == len(text)
    return field(packet, 15), packet


def test_credentials():
    text = message(b"REGISTER", AUTH)
    got, packet = redacted(text, ["auth"])
    assert got == text.replace(b"5f3a", b"xxxx").replace(b"6629", b"xxxx")
    assert field(packet, 17) == b"c1@h"


def test_media_keys():
    text = message(b"INVITE", b"", SDES)
    got, _ = redacted(text, ["keys"])
    assert got == text.replace(b"d0RmdmcmVCspeEc3", b"x" * 16)
    got, _ = redacted(SDES, ["keys"], SDP, b"c1@h")
    assert got == SDES.replace(b"d0RmdmcmVCspeEc3", b"x" * 16)


def test_bodies():
    text = message(b"MESSAGE", b"", b"Where are you?\r\nHere.")
    got, _ = redacted(text, ["message"])
    assert got == text.replace(b"Where are you?\r\nHere.", b"x" * 14 + b"\r\nxxxxx")
    assert redacted(text, ["dtmf"])[0] == text
    for kind, gone in ((b"application/dtmf-relay", True), (b"application/media+xml", False)):
        text = message(b"INFO", b"c: " + kind + b"\r\n", b"Signal=5\r\nDuration=160\r\n")
        got, _ = redacted(text, ["dtmf"])
        assert (b"5" not in got.split(b"\r\n\r\n")[1]) == gone and (got == text) != gone


def test_users_are_stable_and_call_ids_stay():
    text = message(b"INVITE", AUTH)
    got, packet = redacted(text, ["users"])
    name = got.split(b"<sip:")[1][:5]
    assert got.count(name) == 2 and b"alice" not in got and b"Call-ID: c1@h" in got
    assert field(packet, 17) == b"c1@h"
    again, _ = redacted(message(b"BYE", b"To: <sip:alice@x>\r\n"), ALL)
    assert again.count(name + b"@") == 2


def test_what_was_cut_and_with_an_id_that_was_given():
    text = message(b"REGISTER", b"X: y\r\n" * 100 + AUTH)
    a = agent(redact=["auth"], status_s=0, max_packet=600)
    flow = a.flow(("2001:db8::1", 1), ("2001:db8::2", 2), chunks={0x20: 410})
    for n in range(len(text) - 60, len(text)):
        a.capture(flow, OUT, text, n, b"given")
        a.capture(flow, OUT, text[600:], n - 600)
    for packet in drain(a):
        chunks(packet)
        payload = field(packet, 15)
        assert b"6629" not in payload and b"5f3a" not in payload


def test_a_log_line_is_none_of_it():
    text = b"Authorization: Digest nonce=1"
    assert redacted(text, ALL, LOG, b"c")[0] == text


def test_off():
    a = agent(redact=[], status_s=0)
    assert a._guard is None


def test_bad_keys():
    for bad in ("auth", ["auth", "passwords"], {"auth": 1}, True, [1], None):
        options = dict(CONFIG)
        options["redact"] = bad
        assert raises(ConfigError, config.validate, options).startswith("redact: ")
    options["redact"] = ["users"]
    assert raises(ConfigError, config.validate, options).startswith("redact_salt: ")
    options["redact_salt"] = "secret"
    said = raises(ConfigError, config.validate, options)
    assert said.startswith("redact_salt: ") and "'secret'" not in said


class Dice:
    def __init__(self):
        self.seed = 1

    def __call__(self, n):
        self.seed = (self.seed * 1103 + 12345) & 0xFFFFF
        return (self.seed >> 3) % n


def test_machine_code_and_bytecode_agree():
    if not hasattr(_secrets, "redact"):
        return
    dice = Dice()
    parts = (AUTH, SDES, message(b"MESSAGE", AUTH, b"hi"), b"\r\n", b"\n", b'"', b"\\", b"\r\n ")
    parts += (
        b"sip:a:b@",
        b"tel:+1;",
        b"\x00\xff",
        b"Authorization: Basic abc",
        b"application/dtmf",
    )
    for _ in range(1500):
        text = bytearray(b"".join([parts[dice(len(parts))] for _ in range(1 + dice(6))]))
        for _ in range(dice(4)):
            text[dice(len(text))] = dice(256)
        keys = bytearray([dice(256) for _ in range(48)])
        keys[46] &= 31
        keys[47] = 6 + dice(4)
        i = dice(len(text))
        a, b, k = bytearray(text), bytearray(text), bytearray(keys)
        _secrets.redact(a, i, len(a), keys)
        secrets.redact(b, i, len(b), k)
        assert a == b, (text, keys)
