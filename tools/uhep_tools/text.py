"""Words from the network and numbers, made fit for a person's terminal."""

import ipaddress
import re
import time


def printable(value: bytes | str) -> str:
    r"""The value as text that can do nothing to a terminal.

    Octets that are not UTF-8, control characters, line ends and invisible ones such as the
    bidirectional marks become escapes like \x1b. Doing it twice changes nothing.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if value.isprintable():
        return value
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in value
    )


def endpoint(host: str, port: int) -> str:
    """192.0.2.1:5060 or [2001:db8::1]:5060."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_endpoint(text: str, default_port: int) -> tuple[str, int]:
    """(host, port) of HOST, HOST:PORT, [IPV6] or [IPV6]:PORT; a bare IPv6 address has no port.

    Raises ValueError with a sentence that names what is wrong.
    """
    try:
        return str(ipaddress.IPv6Address(text.strip("[]"))), default_port
    except ValueError:
        host, colon, port = text.rpartition(":")
    if not colon and not text.isdigit():
        host, port = text, str(default_port)
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError(f"{text!r}: the port must be a number from 0 to 65535, not {port!r}")
    host = host.removeprefix("[").removesuffix("]")
    if not host:
        raise ValueError(f"{text!r} has no address; 127.0.0.1:{port} would be right")
    return host, int(port)


def parse_size(text: str) -> int:
    """Octets of 500M, 4G, 1.5T or a bare number of octets. Raises ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)B?", text.strip().upper())
    if not match:
        raise ValueError(f"{text!r} is no size; 500M or 4G would be one")
    return int(float(match[1]) * (1 << 10 * ("KMGT".find(match[2] or "-") + 1)))


def clock(stamp_us: int, now_us: int) -> str:
    """Local time of day of Unix microseconds: 12:05:09, of another day than now's with the day:
    11-25 12:05, of another year the day alone: 2025-11-25."""
    at, now = (time.localtime(us // 1_000_000) for us in (stamp_us, now_us))
    if at[:3] == now[:3]:
        return time.strftime("%H:%M:%S", at)
    return time.strftime("%m-%d %H:%M" if at[0] == now[0] else "%Y-%m-%d", at)


def date(stamp_us: int) -> str:
    """Local date and time, with milliseconds, of Unix microseconds."""
    seconds, us = divmod(stamp_us, 1_000_000)
    day = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    return f"{day}.{us // 1000:03}"


def span(us: int) -> str:
    """A length of time for reading: 0.4 ms, 12 ms, 3.21 s, 2:05 min, 1:02:05 h."""
    if us < 10_000:
        return f"{us / 1000:.1f} ms"
    if us < 1_000_000:
        return f"{us // 1000} ms"
    if us < 60_000_000:
        return f"{us / 1_000_000:.2f} s"
    minutes, seconds = divmod(us // 1_000_000, 60)
    if minutes < 60:
        return f"{minutes}:{seconds:02} min"
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02} h"


def count(number: int, one: str, many: str | None = None) -> str:
    """1 packet, 2 packets."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
