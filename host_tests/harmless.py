"""What no packet of ours may be: the ones that end a receiver or mislead it."""

# Profile -> octets of the largest packet that its receivers take.
LARGEST = {"homer": 65507, "kamailio": 65507, "sngrep": 20479}


def walk(packet):
    """(offset, vendor, type, length) of each chunk, read as bluntly as Kamailio does."""
    at, found = 6, []
    while at + 6 <= len(packet):
        vendor, kind, length = (int.from_bytes(packet[at + i : at + i + 2]) for i in (0, 2, 4))
        found.append((at, vendor, kind, length))
        assert length >= 6, f"chunk {kind:#x} of length {length}: a reader could loop for ever"
        at += length
    assert at == len(packet)
    return found


def assert_harmless(packet, profile):
    """None of what ends a receiver, or has it read octets that are not ours."""
    assert packet[:4] == b"HEP3"
    # Kamailio and sngrep believe the header: a longer one makes them read older packets.
    assert int.from_bytes(packet[4:6]) == len(packet) <= LARGEST[profile]
    found = walk(packet)
    kinds = [kind for _, _, kind, _ in found]
    # Kamailio ends without a family, a protocol or a type chunk.
    assert {1, 2, 11} <= set(kinds)
    widths = {kind: length - 6 for _, _, kind, length in found}
    assert widths[1] == widths[2] == widths[11] == 1
    # It ends, too, if a report's family is not that of its addresses.
    family = packet[found[kinds.index(1)][0] + 6]
    addresses = {2: {3: 4, 4: 4}, 10: {5: 16, 6: 16}}[family]
    assert {kind: widths[kind] for kind in (3, 4, 5, 6) if kind in widths} == addresses
    # It looks for the correlation id's end at the next zero octet.
    for at, _, kind, length in found:
        if kind == 17:
            assert packet[at + length : at + length + 1] == b"\0"
            assert 0 not in packet[at + 6 : at + length]
    # sngrep ends at a key above 100 octets. Over TCP Kamailio takes a payload that comes first
    # for SIP; Wireshark reads it to the packet's end.
    assert widths.get(14, 0) <= 99
    assert kinds[-1] == 15
    # Homer and hep-js take a vendor's chunks for generic ones.
    assert {vendor for _, vendor, _, _ in found} == {0}
