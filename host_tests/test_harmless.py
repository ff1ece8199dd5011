"""The judge of harmless packets knows each packet that is known to end or mislead a receiver."""

import pytest
from harmless import assert_harmless
from hepmake import chunk, frame, good

HARMFUL = {
    "Kamailio: no family": good({0x01: None}),
    "Kamailio: no protocol": good({0x02: None}),
    "Kamailio: no type": good({0x0B: None}),
    "Kamailio: family 10, IPv4": good({0x01: b"\x0a", 0x0B: b"\x05"}),
    "Kamailio: longer header": frame(good()[6:], total=len(good()) + 300),
    "Kamailio: header alone": b"HEP3",
    "Kamailio: correlation last": frame(good({0x11: None})[6:], chunk(0x11, b"c1")),
    "Kamailio: NUL in correlation": good({0x11: b"a\0b"}),
    "Kamailio: payload first": frame(chunk(0x0F, b"X"), good({0x0F: None})[6:]),
    "sngrep: payload chunk length": good({0x0F: None}, last=chunk(0x0F, b"", length=5)),
    "sngrep: key": good({0x0E: b"k" * 101}),
    "sngrep: size": good({0x0F: b"X" * 20480}),
    "Homer: vendor chunk": good({0x0F: None}, last=chunk(1, b"", vendor=4) + chunk(0x0F, b"X")),
    "all: chunk length 0": good({0x0F: None}, last=chunk(0x0F, b"X", length=0)),
}


@pytest.mark.parametrize("what", HARMFUL)
def test_harm_is_seen(what):
    """What is known to end a receiver does not pass for harmless."""
    with pytest.raises(AssertionError):
        assert_harmless(HARMFUL[what], "sngrep")


def test_good_is_harmless():
    assert_harmless(good(), "sngrep")
