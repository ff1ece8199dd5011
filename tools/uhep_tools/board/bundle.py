"""A release bundle: one signed file that a device takes in by itself (firmware/update.py)."""

import hashlib
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from uhep_tools.board.release import Release

_PREFIX = b"uhep release\n"
_RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


class BundleError(Exception):
    """A key or a bundle that is none; the text says what is wrong."""


def new_key(path: Path) -> str:
    """Make a private key as a PEM file that nobody else may read; its public key (hex)."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(pem)
    except FileExistsError:
        raise BundleError(f"{path} is there already: a key is never overwritten") from None
    return public(key)


def load_key(path: Path) -> Ed25519PrivateKey:
    """The private key of a PEM file. Raises BundleError."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}. uhep release --new-key makes one") from None
    except (ValueError, TypeError) as error:
        raise BundleError(f"{path} is no private key without a password: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError(f"{path} is no Ed25519 key")
    return key


def public(key: Ed25519PrivateKey) -> str:
    """The public key as device.json has it in update_key."""
    return key.public_key().public_bytes(*_RAW).hex()


def make(release: Release, key: Ed25519PrivateKey | None) -> bytes:
    """The bundle of a release; without a key it is not signed, for the cable only."""
    manifest = release.manifest
    message = _PREFIX + hashlib.sha256(manifest).digest()
    signature = b" " + key.sign(message).hex().encode() if key else b""
    files = b"".join(data for _, data in sorted(release.files.items()))
    return b"UHEP1 %d%s\n" % (len(manifest), signature) + manifest + files


def signed_by(bundle: bytes, key: str) -> bool:
    """Whether a bundle is signed by the owner of a public key (hex). Raises BundleError."""
    head, _, rest = bundle.partition(b"\n")
    words = head.split()
    if len(words) not in (2, 3) or words[0] != b"UHEP1" or not words[1].isdigit():
        raise BundleError("this is no release bundle")
    message = _PREFIX + hashlib.sha256(rest[: int(words[1])]).digest()
    try:
        signature = bytes.fromhex(words[2].decode()) if len(words) == 3 else b""
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False
