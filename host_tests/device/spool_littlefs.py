"""The spool on littlefs as on a board, in flash that loses power: micropython ... CUTS [IMAGE]

Prints one JSON object: cuts, records that came back, the wear without cuts, and what a spool
says of flash that is full or read-only: [status, records it took, serial numbers it sent].
IMAGE: a file for the flash as the last cut has left it.
"""

import json
import sys

sys.path.insert(0, __file__.rpartition("/")[0])

import vfs
from nor import SIZE, Nor
from uhep.spool import Spool

BLOCKS = 8
HELD = 4  # records of 700 to 819 octets; in a block there are 4 or 5


def mount(flash):
    fs = vfs.VfsLfs2(flash, readsize=32, progsize=32, lookahead=32)
    vfs.mount(fs, "/flash")


def formatted():
    flash = Nor()
    vfs.VfsLfs2.mkfs(flash, readsize=32, progsize=32, lookahead=32)
    mount(flash)
    with open("/flash/main.py", "w") as f:
        f.write("pass\n" * 700)
    return flash


def record(serial):
    n = 700 + serial * 37 % 120
    return b"HEP3" + bytes((n >> 8, n & 255)) + b"%08d" % serial + bytes([serial & 255] * (n - 14))


def put(spool, serial):
    data = record(serial)
    return spool.put(data, 0, len(data))


def take(spool):
    out = []
    while spool.waiting:
        n = spool.ready()
        if n:
            serial = int(bytes(spool.buf[spool.at + 6 : spool.at + 14]))
            assert bytes(spool.buf[spool.at : spool.at + n]) == record(serial)
            out.append(serial)
            spool.done()
    return out


def number(state):
    """The next of a row of numbers that looks random."""
    state[0] = (state[0] * 1103 + 12345) % 1000003
    return state[0]


def cut(flash, state):
    """Spool until the power goes: the end of what must come back, and of what may."""
    spool = Spool("/flash/uhep.spool", BLOCKS)
    flash.power = number(state) % 100000
    serial = must = may = 0
    while not flash.dead:
        before = spool.seq
        if not put(spool, serial):
            may = serial  # the block was written, perhaps just so
        elif spool.seq > before:
            must = may = serial
        serial += 1
    return must, may


def reboot(flash):
    vfs.umount("/flash")
    flash = Nor(flash.data)
    mount(flash)  # raises if littlefs itself is broken
    return flash


def cuts(n, image):
    came = 0
    for seed in range(n // 3):
        state = [seed * 7919 + 1]
        flash = formatted()
        for _ in range(3):
            must, may = cut(flash, state)
            flash = reboot(flash)
            if image and seed == n // 3 - 1:
                with open(image, "wb") as f:
                    f.write(flash.data)
            spool = Spool("/flash/uhep.spool", BLOCKS)
            assert spool.status == "ok"
            got = take(spool)
            end = got[-1] + 1 if got else 0
            assert end == must or end == may, (seed, must, may, got)
            assert got == list(range(end - len(got), end)), (seed, got)
            # In a full ring the oldest block makes room.
            assert len(got) == end or len(got) >= (BLOCKS - 1) * HELD, (seed, end, got)
            came += len(got)
            with open("/flash/main.py") as f:
                assert len(f.read()) == 3500
        vfs.umount("/flash")
    return came


def wear():
    """Octets programmed, and blocks erased, for each octet of packets: in, and out again."""
    flash = formatted()
    spool = Spool("/flash/uhep.spool", BLOCKS)
    flash.programmed = flash.erased = octets = 0
    for outage in range(20):
        for serial in range(100):
            put(spool, serial)
            octets += len(record(serial))
        take(spool)
    vfs.umount("/flash")
    return {
        "written": flash.programmed / octets,
        "erased": flash.erased * SIZE / octets,
        "octets": octets,
    }


def filled(flash):
    # But for a few octets; the spool had three blocks before.
    try:
        with open("/flash/big", "w") as f:
            while True:
                f.write("x" * 500)
                f.flush()
    except OSError:
        pass


def read_only(flash):
    vfs.umount("/flash")
    fs = vfs.VfsLfs2(flash, readsize=32, progsize=32, lookahead=32)
    vfs.mount(fs, "/flash", readonly=True)


def trouble(spoil):
    flash = formatted()
    spool = Spool("/flash/uhep.spool", BLOCKS)
    serial = 0
    while spool.seq < 3:
        put(spool, serial)
        serial += 1
    spoil(flash)
    took = [put(spool, i) for i in range(serial, serial + 100)]
    assert spool.spooled == serial + sum(took)
    told = [spool.status, sum(took), take(spool)]
    assert spool.spooled == spool.sent + spool.lost and spool.waiting == 0
    vfs.umount("/flash")
    return told


n = int(sys.argv[1])
image = sys.argv[2] if len(sys.argv) > 2 else None
told = {"cuts": n // 3 * 3, "came": cuts(n, image), "wear": wear()}
told["full"] = trouble(filled)
told["read-only"] = trouble(read_only)
print(json.dumps(told))
