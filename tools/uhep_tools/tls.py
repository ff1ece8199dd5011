"""TLS as a capture server offers it, and why a client did not get through."""

import hashlib
import ssl
from pathlib import Path

from uhep_tools.faults import HepError


class TlsError(Exception):
    """A certificate, key or CA that can not be used; the text names the file and what is wrong."""


def server_context(
    certificate: str | Path, key: str | Path, client_ca: str | Path | None = None
) -> ssl.SSLContext:
    """What a server needs to speak TLS 1.2 and 1.3. All files are PEM.

    certificate: the server's, followed by those between it and the CA. client_ca: ask every
    client for a certificate that this CA signed. Raises TlsError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    # A device that only writes would close with a ticket unread, and its kernel would then
    # reset the connection over its last packets.
    context.num_tickets = 0
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except OSError as error:
        raise TlsError(_explain(error, certificate, key)) from None
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except OSError as error:
            raise TlsError(_explain(error, client_ca)) from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def fingerprint(certificate: str | Path) -> str:
    """SHA-256 of the first certificate of a PEM file, 64 hex digits. Raises TlsError."""
    try:
        text = Path(certificate).read_text()
        end = text.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)
        der = ssl.PEM_cert_to_DER_cert(text[text.index(ssl.PEM_HEADER) : end])
    except OSError as error:
        raise TlsError(_explain(error, certificate)) from None
    except ValueError:
        raise TlsError(f"{certificate} holds no PEM certificate") from None
    return hashlib.sha256(der).hexdigest()


def _no_password() -> str:
    raise TlsError("the private key is encrypted; give one that is not, in a file of mode 0600")


def _explain(error: OSError, *files: str | Path) -> str:
    if isinstance(error, FileNotFoundError):
        absent = next(file for file in files if not Path(file).exists())
        return f"{absent}: there is no such file"
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return "{} and {} do not belong together".format(*files)
    if isinstance(error, ssl.SSLError):
        what = error.reason.lower().replace("_", " ") if error.reason else "not in PEM format"
        return f"{' or '.join(map(str, files))} can not be used: {what}"
    return f"{' or '.join(map(str, files))} can not be read: {error.strerror}"


_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL"}
_OLD = {"UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW", "UNSUPPORTED_SSL_VERSION"}


def handshake_fault(error: OSError, timeout: float) -> HepError:
    """Why a handshake failed, as asyncio raised it. timeout: the seconds it was allowed."""
    reason = getattr(error, "reason", None) or ""
    alert = reason.partition("_ALERT_")[2].lower().replace("_", " ")
    if isinstance(error, ConnectionAbortedError):
        name, text = "tls-timeout", f"the TLS handshake is not complete after {timeout:g} s"
    elif not isinstance(error, ssl.SSLError):
        name, text = "tls-closed", "the client left during the TLS handshake"
    elif isinstance(error, ssl.SSLCertVerificationError):
        name = "tls-client-certificate"
        text = f"the client's certificate is refused: {error.verify_message}"
    elif reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        name, text = "tls-no-client-certificate", "the client has shown no certificate"
    elif alert:
        name, text = "tls-refused", f"the client ended the TLS handshake: {alert}"
    elif reason in _NOT_TLS:
        name, text = "tls-magic", "what came is not TLS; plain HEP goes to the port without it"
    elif reason in _OLD:
        name, text = "tls-version", "the client speaks no TLS that is new enough; 1.2 is"
    else:
        detail = reason.lower().replace("_", " ") or "no reason is known"
        name, text = "tls-handshake", f"the TLS handshake failed: {detail}"
    return HepError(name, 0, text)


def record_fault(error: ssl.SSLError) -> HepError:
    """What was wrong with a TLS connection after its handshake."""
    detail = (error.reason or "").lower().replace("_", " ") or "no reason is known"
    return HepError("tls-record", 0, f"the TLS connection failed: {detail}")
