"""Make certificates: for the workbench's own server, and good and bad ones for tests."""

import ipaddress
import os
import socket
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# A device whose clock was never set believes in 1970 or 2000, and checks the dates all the same.
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = 3650
_HERE = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Identity:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, stem: str) -> tuple[Path, Path]:
        """Write STEM.pem and STEM-key.pem, the latter with mode 0600; return both paths."""
        certificate, key = folder / f"{stem}.pem", folder / f"{stem}-key.pem"
        certificate.write_bytes(self.certificate)
        with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(self.key)
        return certificate, key


class Authority:
    """A CA with a P-256 key of its own, which is what small devices verify fastest."""

    def __init__(self, name: str = "uhep CA"):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = self._builder(self._name, self._key, _ALWAYS, _in_days(_DAYS))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        self.certificate = self._sign(builder.add_extension(usage, True))  # PEM

    def issue(
        self,
        *names: str,
        client: bool = False,
        start: datetime = _ALWAYS,
        end: datetime | None = None,
    ) -> Identity:
        """A certificate for these IP addresses and host names; the first is its common name.

        client: for a client, else for a server. start, end: its validity, with time zones; by
        default from 1970 for ten years from now. An end in the past makes an expired one.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = self._builder(subject, key, start, end or _in_days(_DAYS))
        for extension, critical in (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.SubjectAlternativeName(map(_general_name, names)), False),
            (x509.ExtendedKeyUsage([usage]), False),
        ):
            builder = builder.add_extension(extension, critical)
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Identity(self._sign(builder), secret)

    def _builder(self, subject, key, start, end) -> x509.CertificateBuilder:
        own = self._key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), False)
        )

    def _sign(self, builder: x509.CertificateBuilder) -> bytes:
        signed = builder.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)


def own_identity(folder: Path, host: str) -> tuple[Path, Path, Path]:
    """Paths of the CA, server certificate and server key in folder, which are made once.

    The names are this machine's own, and host, where the server listens. The CA's key is
    forgotten: nobody can ever sign another certificate with it. Raises OSError.
    """
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        authority = Authority(f"uhep CA of {socket.gethostname()}"[:64])
        every = dict.fromkeys((*_HERE, socket.gethostname(), host))
        made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        (made / "ca.pem").write_bytes(authority.certificate)
        authority.issue(*every).write(made, "server")
        made.rename(folder)  # all of it or nothing
    return folder / "ca.pem", folder / "server.pem", folder / "server-key.pem"


def _in_days(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
