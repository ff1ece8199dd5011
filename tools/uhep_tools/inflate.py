"""Inflate the body of chunk 0x10, which senders fill in two incompatible ways."""

import zlib

from uhep_tools.faults import HepError


def inflate(body: bytes, limit: int) -> tuple[str, bytes]:
    """Inflate a zlib (RFC 1950, captagent) or gzip (RFC 1952, OpenSIPS) stream.

    Returns ("zlib" or "gzip", the octets). Raises HepError with offset 0: compression, inflate,
    or inflate-limit if it would be more than limit octets; no more than that is ever held.
    """
    if body.startswith(b"\x78"):
        method = "zlib"
    elif body.startswith(b"\x1f\x8b"):
        method = "gzip"
    else:
        begin = body[:2].hex(" ") or "nothing"
        raise HepError("compression", 0, f"begins with {begin}; zlib is 78, gzip is 1f 8b")
    stream = zlib.decompressobj(wbits=47)  # 32 + 15: either format, the largest window
    try:
        plain = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise HepError("inflate", 0, f"the {method} stream does not inflate: {error}") from None
    if len(plain) > limit:
        raise HepError("inflate-limit", 0, f"the {method} stream grows beyond {limit} octets")
    if not stream.eof:
        raise HepError("inflate", 0, f"the {method} stream is cut short")
    if stream.unused_data:
        extra = len(stream.unused_data)
        raise HepError("inflate", 0, f"{extra} octets follow the end of the {method} stream")
    return method, plain
