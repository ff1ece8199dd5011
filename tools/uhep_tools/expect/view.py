"""A captured packet, as the places that a scenario may name, and the values there."""

import json
import socket
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from uhep_tools import sip
from uhep_tools.chunks import IP_PROTOCOLS
from uhep_tools.expect.scenario import Place
from uhep_tools.message import Message
from uhep_tools.text import endpoint, parse_endpoint

ENDS = ("src", "dst", "src_address", "dst_address")

# Fields that are numbers, and what a scenario may call these numbers.
NAMES: dict[str, dict[int, str]] = {
    "family": {2: "IPv4", 10: "IPv6"},
    "transport": IP_PROTOCOLS,
    "type": {1: "SIP", 5: "RTCP", 100: "log"},
    "src_port": {},
    "dst_port": {},
    "node": {},
    "status": {},
}
FIELDS = ("family", "transport", "type", *ENDS, "src_port", "dst_port")
FIELDS += ("node", "name", "key", "correlation", "payload")
SIP_FIELDS = ("method", "uri", "status", "reason", "body")


class View:
    """One packet. number: its place in the order of arrival, from 1."""

    def __init__(self, number: int, entry: Message):
        self.number = number
        self.entry = entry

    def values(self, place: Place) -> Sequence[Any]:
        """The values at a place: none, one, or those of a header that comes several times.

        (field,) with one of FIELDS; ("sip", field); ("sip", "headers", long name); ("json",
        then keys and indexes).
        """
        if place[0] == "sip":
            return self._headers.get(place[2], []) if len(place) == 3 else self._sip[place[1]]
        if place[0] == "json":
            return self._within(place[1:])
        return self._fields[place[0]]

    @cached_property
    def _fields(self) -> dict[str, list[Any]]:
        packet = self.entry.packet
        found = {
            "family": packet.family,
            "transport": packet.proto,
            "type": packet.type,
            "src": endpoint(packet.src, packet.sport),
            "src_address": packet.src,
            "src_port": packet.sport,
            "dst": endpoint(packet.dst, packet.dport),
            "dst_address": packet.dst,
            "dst_port": packet.dport,
            "node": packet.node_id,
            "name": _text(packet.node_name),
            "key": _text(packet.key),
            "correlation": _text(packet.cid),
            "payload": _text(packet.payload),
        }
        return {name: [] if value is None else [value] for name, value in found.items()}

    @cached_property
    def _sip(self) -> dict[str, list[Any]]:
        text = self.entry.text
        # Lines end in \n alone, so that $ in a regex is the end of a line.
        body = _text(self.entry.packet.payload[text.body :]).replace("\r\n", "\n")
        found = {
            "method": text.method,
            "uri": text.uri or None,
            "status": text.status,
            "reason": text.reason if text.status else None,
            "body": body or None,
        }
        return {name: [] if value is None else [value] for name, value in found.items()}

    @cached_property
    def _headers(self) -> dict[str, list[str]]:
        return sip.headers(self.entry.packet.payload)

    @cached_property
    def _json(self) -> list[Any]:
        try:
            return [json.loads(self.entry.packet.payload)]
        except (ValueError, RecursionError):
            return []

    def _within(self, keys: Place) -> list[Any]:
        found = self._json
        for key in keys:
            try:
                found = [found[0][key]]
            except (KeyError, IndexError, TypeError):
                return []
        return found


def canonical(field: str, text: str) -> str:
    """An address, or address and port, as View has it. Raises ValueError with what is right."""
    if field.endswith("_address"):
        return _address(text)
    try:
        alone = _address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        host, port = parse_endpoint(text, 0)
        return endpoint(_address(host), port)
    raise ValueError(f"it needs a port, as {endpoint(alone, 5060)}")


def _address(host: str) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, host))
    except OSError:
        raise ValueError(f"{host!r} is no numeric IP address") from None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "backslashreplace")
