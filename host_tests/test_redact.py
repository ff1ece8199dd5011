"""Redaction against an oracle of regular expressions, on messages of every kind and damage."""

import hashlib
import re

import pytest
from conftest import SOAK
from hypothesis import example, given, settings
from hypothesis import strategies as st
from uhep import secrets

AUTH, KEYS, MESSAGE, DTMF, USERS = 1, 2, 4, 8, 16
LB = rb"(?:\r\n|\n|\r(?!\n))"
HEADER = re.compile(
    rb"(?i)(?:proxy-|www-)?auth(?:(?P<own>orization)|enticate|entication-info)[ \t]*:"
    rb"(?P<value>[^\r\n]*(?:" + LB + rb"[ \t][^\r\n]*)*)"
)
PARAMETER = re.compile(
    rb"(?i)(?<![a-z0-9_-])(?:(?P<user>username)|response|c?nonce|nextnonce|rspauth|auts)"
    rb"(?![a-z0-9_-])[ \t\r\n]*=[ \t\r\n]*"
)
VALUE = re.compile(rb'(?:"(?:\\.?|[^"\\])*"?|[^",])*', re.S)
USER = re.compile(rb'([^\x00-\x20<>"@:]*)((?::[^\x00-\x20<>"@]*)?)@')
URI = re.compile(rb"(?i)(?P<tel>tel:)|sips?:")


def keys(what, method=6, salt=b"sixteen octets.."):
    key = hashlib.sha256(salt).digest()
    return bytearray(key + hashlib.sha256(key).digest()[:12] + bytes((0, 0, what, method)))


def pseudonym(user, key):
    """CBC-MAC of Speck32 with the length first, then its output feedback."""
    rounds = [int.from_bytes(key[i : i + 2], "big") for i in range(0, 44, 2)]

    def encrypt(x, y):
        for one in rounds:
            x = (((x >> 7) | (x << 9)) & 0xFFFF) + y & 0xFFFF ^ one
            y = ((y << 2) | (y >> 14)) & 0xFFFF ^ x
        return x, y

    x, y = encrypt(0, len(user) & 0xFFFF)
    for i in range(0, len(user), 2):
        x, y = encrypt(x, y ^ int.from_bytes(user[i : i + 2].ljust(2, b"\0"), "big"))
    out = b""
    while len(out) < len(user):
        for shift in (0, 5, 10):
            out += b"abcdefghijkmnpqrstuvwxyz23456789"[y >> shift & 31 :][:1]
        x, y = encrypt(x, y)
    return out[: len(user)]


def veil(octets, keep=rb"\r\n \t"):
    return re.sub(b"[^" + keep + b"]", b"x", octets, flags=re.S)


def veil_value(octets):
    """Quotes stay, but for those behind a backslash within quotes."""
    out, quoted, at = b"", False, 0
    while at < len(octets):
        one = octets[at : at + 1]
        if one == b'"':
            quoted = not quoted
            out += one
        elif one == b"\\" and quoted:
            out += b"x" + veil(octets[at + 1 : at + 2])
            at += 1
        else:
            out += veil(one)
        at += 1
    return out


def parameters(value, what, key):
    out, at = b"", 0
    while found := PARAMETER.search(value, at):
        out += value[at : found.end()]
        at = found.end()
        if found["user"]:
            if what & USERS:
                name = re.compile(rb'"?').match(value, at)
                out += name[0]
                at = name.end()
                if not URI.match(value, at):
                    name = re.compile(rb'[^\x00-\x20",@]*').match(value, at)
                    out += pseudonym(name[0], key)
                    at = name.end()
        elif what & AUTH:
            secret = VALUE.match(value, at)
            out += veil_value(secret[0])
            at = secret.end()
    return out + value[at:]


def users(line, key):
    if re.match(rb"(?i)(?:call-id|i)[ \t]*:", line):
        return line
    out, at = b"", 0
    while found := URI.search(line, at):
        out += line[at : found.end()]
        at = found.end()
        if found["tel"]:
            number = re.compile(rb'[^\x00-\x20;,<>"]*').match(line, at)
            out += pseudonym(number[0], key)
            at = number.end()
        elif user := re.compile(rb'([^\x00-\x20<>"@:]*)((?::[^\x00-\x20<>"@]*)?)@').match(
            line, at
        ):
            out += pseudonym(user[1], key) + user[2][:1] + veil(user[2][1:])
            at = user.end() - 1
    return out + line[at:]


def media(line):
    if found := re.match(rb"(?i)a=crypto:", line):
        rest = line[found.end() :]
        hidden, n = re.subn(
            rb"(?i)(inline:)([^|; \t]*)", lambda m: m[1] + b"x" * len(m[2]), rest, flags=re.S
        )
        return found[0] + (hidden if n else veil(rest))
    if found := re.match(rb"(?i)a=key-mgmt:|k=", line):
        return found[0] + veil(line[found.end() :])
    return line


def oracle(message, what, method, key):
    dtmf = re.search(rb"(?i)application/dtmf", message)
    if method == 7 and what & MESSAGE or method == 8 and what & DTMF and dtmf:
        start = re.compile(rb"[\x00-\x0d]*").match(message).end()
        if found := re.compile(LB + LB).search(message, start):
            message = message[: found.end()] + veil(message[found.end() :], rb"\r\n")
    out, at = b"", 0
    while at < len(message):
        if found := HEADER.match(message, at):
            value = found["value"]
            scheme = value.lstrip(b" \t\r\n")
            start = len(message[: found.end()]) - len(scheme)
            if found["own"] and what & AUTH and not re.match(rb"(?i)digest[ \t\r\n]", scheme):
                new = veil(scheme)
            elif what & (AUTH | USERS):
                new = parameters(scheme, what, key)
            else:
                new = scheme
            message = message[:start] + new + message[found.end() :]
        line = re.compile(rb"([^\r\n]*)((?:" + LB + rb")?)").match(message, at)
        text = line[1]
        if what & KEYS:
            text = media(text)
        if what & USERS:
            text = users(text, key)
        out += text + line[2]
        at = line.end()
    return out


def redacted(message, what, method=6):
    whole = b"before\nAuthorization: Digest nonce=1\n"  # stands around it in the ring
    ring = bytearray(whole + message + whole)
    secrets.redact(ring, len(whole), len(whole) + len(message), keys(what, method))
    assert (
        ring.startswith(whole)
        and ring.endswith(whole)
        and len(ring) == 2 * len(whole) + len(message)
    )
    return bytes(ring[len(whole) : len(whole) + len(message)])


PIECES = [
    b"REGISTER sip:alice@192.0.2.1 SIP/2.0",
    b"SIP/2.0 401 Unauthorized",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n ",
    b"\r\n\r\n",
    b"Authorization",
    b"proxy-authorization",
    b"WWW-Authenticate",
    b"Authentication-Info",
    b":",
    b" : ",
    b"Digest ",
    b"digest\t",
    b"Basic YWxpY2U6c2VzYW1l",
    b'response="dead"',
    b"nonce=abc",
    b"cnonce = ",
    b'nextnonce="x\\"y"',
    b"rspauth",
    b"auts",
    b'username="alice"',
    b"username=sip:bob@x",
    b'username="al@b"',
    b"=",
    b'"',
    b"\\",
    b",",
    b";",
    b" ",
    b"\t",
    b'realm="response=1"',
    b"a=crypto:1 AES_CM inline:KEYKEY|2^20|1:4",
    b"A=CRYPTO:",
    b"inline:",
    b"INLINE:abc;",
    b"|",
    b"k=base64:c2VjcmV0",
    b"k=",
    b"a=key-mgmt:mikey AQA",
    b"a=",
    b"<sip:alice:pw@h>",
    b"sips:bob@h;x=y",
    b"tel:+49301234;phone",
    b"sip:h",
    b"sip:",
    b"@",
    b"<",
    b">",
    b"i:",
    b"Call-ID: sip:x@y",
    b"f: sip:al%20ice@h",
    b"Content-Type: application/DTMF-relay",
    b"Signal=5",
    b"\x00",
    b"\xff",
    b"x-nonce=1",
    b"nonce",
    b'Nonce=\r\n "z"',
]
MESSAGES = st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=14).map(b"".join)
EXAMPLES = settings(max_examples=3000 if SOAK else 150, deadline=None)


@pytest.mark.soak
@EXAMPLES
@given(MESSAGES, st.integers(0, 31), st.sampled_from([1, 6, 7, 8]))
@example(b"Authorization: Digest", 31, 6)
@example(b"\r\n\r\nMESSAGE sip:a SIP/2.0\r\nX: y\r\n\r\ntext \xff\r\n", 31, 7)
def test_as_the_oracle(message, what, method):
    got = redacted(message, what, method)
    assert got == oracle(message, what, method, keys(what))
    assert len(got) == len(message)
    assert [m.start() for m in re.finditer(rb"[\r\n]", got)] == [
        m.start() for m in re.finditer(rb"[\r\n]", message)
    ]


@EXAMPLES
@given(MESSAGES, st.integers(0, 15), st.sampled_from([1, 6, 7, 8]))
def test_twice_is_once(message, what, method):
    once = redacted(message, what, method)
    assert redacted(once, what, method) == once


@given(st.binary(max_size=300))
def test_nothing_to_do_is_nothing_done(message):
    assert redacted(message, 0) == message


SECRET = st.text("ABCDEFGHJKLMNPQRSTUVWYZ0123456789+/", min_size=12, max_size=40).map(str.encode)


@EXAMPLES
@given(
    SECRET,
    st.sampled_from([b"Authorization", b"PROXY-Authorization", b"authorization "]),
    st.sampled_from([b"response", b"nonce", b"cNonce", b"CNONCE"]),
    st.sampled_from([b"=", b" =", b"= ", b"\r\n =\r\n ", b"\t=\t"]),
    st.sampled_from([b'"', b""]),
    st.sampled_from([b", ", b",", b",\r\n\t", b" ,\n "]),
    st.sampled_from([b"\r\n", b"\n", b"\r"]),
    st.integers(0, 3),
)
def test_no_credential_survives(secret, header, name, equals, quote, comma, end, place):
    others = [b'username="alice"', b'realm="a \\" b, c"', b"algorithm=MD5", b"nc=00000001"]
    others.insert(place, name + equals + quote + secret + quote)
    message = b"INVITE sip:b@h SIP/2.0" + end + b"i: c1" + end
    message += header + b":" + b" Digest " + comma.join(others) + end + b"l: 0" + end + end
    got = redacted(message, AUTH)
    assert secret not in got and got == message.replace(secret, b"x" * len(secret))


@EXAMPLES
@given(SECRET, SECRET, st.sampled_from([b"|2^20|1:4", b"", b" UNENCRYPTED_SRTCP"]))
def test_no_media_key_survives(one, two, rest):
    sdp = b"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + one + rest
    sdp += b"\r\na=crypto:2 F8 inline:" + one + b"|1:4;inline:" + two + b"|2:4\r\na=rtpmap:0 X\r\n"
    got = redacted(sdp, KEYS, 1)
    assert one not in got and two not in got
    for secret in (one, two):
        sdp = sdp.replace(secret, b"x" * len(secret))
    assert got == sdp


@EXAMPLES
@given(st.text("abcdefghijkl0123456789+.%-", min_size=1, max_size=40).map(str.encode))
def test_the_same_user_is_the_same_text_wherever_it_stands(user):
    def message(name):
        text = b"INVITE sip:" + name + b"@h SIP/2.0\r\nFrom: <sips:" + name + b"@h>;tag=9f\r\n"
        text += b"Via: SIP/2.0/UDP h;branch=z9hG4bK7\r\nCall-ID: sip:" + user + b"@h\r\n"
        return text + b'Authorization: Digest username="' + name + b'", uri="sip:' + name + b'@h"'

    name = pseudonym(user, keys(USERS))
    assert name != pseudonym(user, keys(USERS, salt=b"other")) or len(user) < 7
    assert redacted(message(user), USERS) == message(name)


def test_users_differ():
    names = {pseudonym(b"%06d" % i, keys(USERS)) for i in range(2000)}
    assert len(names) == 2000
