"""Time and memory that each subject takes for a packet.

micropython cost.py native|bytecode ROUNDS

Prints one JSON object: which hot path ran in what, octets of the message and of its HEP packet,
packets in a round, and for each subject the microseconds of every round and its octets.
"""

import gc
import json
import sys
from time import ticks_diff, ticks_us

import micropython

if sys.argv[1] == "bytecode":
    sys.modules["uhep._native"] = None  # has no `capture`: the agent takes the bytecode

from message import INVITE
from receiver import Receiver
from subjects import make

_PACKETS = 50  # a round: the receiver's queue holds about 90
_OCTET_ROUNDS = 20  # 1,000 packets


def clear(subject, receiver):
    """Empty the queues that the subject fills; returns how many octets had arrived."""
    if subject.queue:
        while subject.queue.poll():
            pass
    return receiver.drain()


def settle(subject, receiver):
    """Clear after a round. Raises OSError if a packet was dropped or had not arrived."""
    if subject.queue and subject.queue.stats()["dropped"]:
        raise OSError("%s: the ring does not hold %d packets" % (subject.name, _PACKETS))
    arrived = clear(subject, receiver)
    if arrived != _PACKETS * subject.arrives:
        raise OSError(
            "%s: %d octets arrived of %d packets of %d"
            % (subject.name, arrived, _PACKETS, subject.arrives)
        )


def time_us(subject, receiver):
    """Microseconds of one round."""
    gc.collect()
    gc.disable()
    start = ticks_us()
    subject.run(_PACKETS)
    spent = ticks_diff(ticks_us(), start)
    gc.enable()
    settle(subject, receiver)
    return spent


def octets(subject, receiver, measure):
    """By how many octets `measure` grows for each packet of many rounds."""
    grown = 0
    for _ in range(_OCTET_ROUNDS):
        gc.collect()
        gc.disable()
        start = measure()
        subject.run(0)
        idle = measure()
        subject.run(_PACKETS)
        grown += measure() - idle - (idle - start)
        gc.enable()
        settle(subject, receiver)
    return grown / (_OCTET_ROUNDS * _PACKETS)


def runs_locked(subject, receiver):
    """True if the subject does a round while the heap is locked."""
    micropython.heap_lock()
    try:
        subject.run(_PACKETS)
    except MemoryError:
        return False
    finally:
        micropython.heap_unlock()
        clear(subject, receiver)
    return True


def main():
    receiver = Receiver()
    subjects = make(receiver)
    times = {s.name: [] for s in subjects}
    for _ in range(int(sys.argv[2])):
        for s in subjects:
            times[s.name].append(time_us(s, receiver))
    found = {}
    for s in subjects:
        found[s.name] = {
            "round_us": times[s.name],
            "mem_total": octets(s, receiver, micropython.mem_total),
            "mem_alloc": octets(s, receiver, gc.mem_alloc),
            "heap_lock": runs_locked(s, receiver),
        }
    print(
        json.dumps(
            {
                "interpreter": sys.version,
                "hot_path": sys.modules["uhep.agent"].capture.__globals__["__name__"],
                "sip_octets": len(INVITE),
                "hep_octets": subjects[0].arrives,
                "packets": _PACKETS,
                "subjects": found,
            }
        )
    )


main()
