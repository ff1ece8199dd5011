"""firmware/ed25519.py against RFC 8032, against the cryptography package, and in MicroPython."""

import hashlib
import subprocess

import ed25519
import pytest
from conftest import ROOT
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw
ORDER = 2**252 + 27742317777372353535851937790883648493
# RFC 8032, 7.1, tests 1 to 3: public key, message, signature.
VECTORS = [
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
     "d25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
     "4a7c15e9716ed28dc027beceea1ec40a"),
]  # fmt: skip


def signed(seed, message):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return key.public_key().public_bytes(*RAW), key.sign(message)


@pytest.mark.parametrize("key, message, signature", VECTORS)
def test_rfc_8032(key, message, signature):
    key, message, signature = map(bytes.fromhex, (key, message, signature))
    assert ed25519.verify(key, message, signature)
    assert not ed25519.verify(key, message + b"x", signature)


@given(st.binary(max_size=111))
def test_sha512(data):
    assert ed25519.sha512(data) == hashlib.sha512(data).digest()


@settings(deadline=None, max_examples=30)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=47), st.integers(0, 511))
def test_what_another_signs(seed, message, bit):
    key, signature = signed(seed, message)
    assert ed25519.verify(key, message, signature)
    broken = bytearray(signature)
    broken[bit // 8] ^= 1 << bit % 8
    assert not ed25519.verify(key, message, bytes(broken))


def test_what_is_no_signature():
    key, signature = signed(bytes(32), b"m")
    s = int.from_bytes(signature[32:], "little") + ORDER  # the same point: malleable
    for key_, message, given_ in (
        (key, b"m", signature[:32] + s.to_bytes(32, "little")),
        (key, b"m", signature[:63]),
        (key, b"m", b""),
        (key, b"m", b"\xff" * 64),
        (b"\xff" * 32, b"m", signature),
        (key, b"m" * 48, signature),
    ):
        assert not ed25519.verify(key_, message, given_)


def test_in_small_steps_on_micropython(micropython):
    key, message, signature = VECTORS[2]
    script = (
        "import ed25519\nfrom binascii import unhexlify as u\n"
        f"made = list(ed25519.steps(u('{key}'), u('{message}'), u('{signature}')))\n"
        "print(len(made), made[-1], set(made[:-1]))"
    )
    done = subprocess.run(
        [micropython, "-X", "heapsize=64K", "-c", script],
        env={"MICROPYPATH": str(ROOT / "firmware")},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "32 True {None}\n", done.stdout + done.stderr
