"""Updates on littlefs, in flash that loses power: micropython ... CUTS SEED KEY BUNDLE BUNDLE

The device runs the first bundle's release and is given the second, boots, proves it or does not,
and goes on so for as many power cuts as asked for. After each it must boot, into one whole
release. Prints one JSON object. With "early" behind the bundles it switches slots before the
files are there: a mistake that has to be found.
"""

import gc
import hashlib
import json
import os
import sys
from binascii import hexlify

import vfs

sys.path.insert(0, __file__.rpartition("/")[0])
from nor import Nor

BLOCKS = 96
FIRMWARE = __file__.rpartition("/host_tests/")[0] + "/firmware"
CUTS, SEED = int(sys.argv[1]), int(sys.argv[2])
KEY = None if sys.argv[3] == "-" else sys.argv[3]
BUNDLES = []
for name in sys.argv[4:6]:
    with open(name, "rb") as file:
        BUNDLES.append(file.read())
with open(FIRMWARE + "/boot.py") as file:
    BOOT = file.read()
PATH = list(sys.path)
state = [SEED * 7919 + 1]


def number(most):
    """The next of a row of numbers that looks random."""
    state[0] = (state[0] * 1103515245 + 12345) & 0x7FFFFFFF
    return (state[0] >> 8) % most


def manifest(bundle):
    """{path: SHA-256} of a bundle's files, and its version."""
    head = bundle.find(b"\n")
    n = int(bundle[:head].split()[1])
    lines = bundle[head + 1 : head + 1 + n].split(b"\n")
    files = {}
    for line in lines[3:-1]:
        digest, _, path = line.split(b" ")
        files[path.decode()] = digest
    return files, lines[1].split()[1].decode()


MANIFESTS = [manifest(bundle) for bundle in BUNDLES]


def mount(flash):
    vfs.mount(vfs.VfsLfs2(flash, readsize=32, progsize=32, lookahead=32), "/flash")
    os.chdir("/flash")


def boot(flash):
    """boot.py on this flash: the version that runs. It must be whole."""
    mount(flash)
    sys.path[:] = PATH
    exec(BOOT, {"__name__": "boot"})
    if flash.dead:
        return None
    slot = sys.path[0]
    assert slot in ("/flash/a", "/flash/b"), sys.path
    for files, version in MANIFESTS:
        if all([digest(slot + "/" + path) == files[path] for path in files]):
            assert text(slot + "/release.txt").split()[4] == version
            return version
    raise AssertionError("%s is not whole, slot: %s" % (slot, text("slot")))


def digest(path):
    try:
        with open(path, "rb") as file:
            return hexlify(hashlib.sha256(file.read()).digest())
    except OSError:
        return None


def text(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def modules():
    for name in ("slots", "manifest", "update"):
        sys.modules.pop(name, None)
    sys.path[:] = [FIRMWARE] + PATH
    import slots
    import update

    return slots, update


def early(taking):
    sys.modules["manifest"].folder(taking._slot)
    sys.modules["slots"].write(taking._slot + "/release.txt", taking._text)
    sys.modules["slots"].try_other()


def install(bundle):
    """The update as a device takes it in, in pieces of some size."""
    slots, update = modules()
    piece = 100 + number(900)
    if "early" in sys.argv:
        update.Update._clear = early
    taking = update.Update(KEY, "x64", False)
    for at in range(0, len(bundle), piece):
        taking.feed(bundle[at : at + piece])
        while taking.work():
            pass
    assert taking.done


def first():
    """Flash with the first release in slot a."""
    flash = Nor(blocks=BLOCKS)
    vfs.VfsLfs2.mkfs(flash, readsize=32, progsize=32, lookahead=32)
    mount(flash)
    with open("slot", "w") as file:
        file.write("b")  # so that it goes into a
    global KEY
    key, KEY = KEY, None
    install(BUNDLES[0])
    KEY = key
    with open("slot", "w") as file:
        file.write("a")
    vfs.umount("/flash")
    return flash


def life(flash, told):
    """An update and what follows, until the power goes."""
    runs = boot(flash)
    while True:
        target = 1 - [v for _, v in MANIFESTS].index(runs)
        trial = len(text("slot").split()) == 3
        slots, _ = modules()
        if trial and number(2):
            slots.confirm()
            told["confirmed"] += 1
        elif trial:
            vfs.umount("/flash")  # it crashes, again and again
            was = runs
            runs = boot(flash)
            told["rolled_back"] += runs != was
            continue
        install(BUNDLES[target])
        told["installed"] += 1
        vfs.umount("/flash")
        runs = boot(flash)
        assert runs == MANIFESTS[target][1], (runs, text("slot"))


def main():
    told = {"cuts": 0, "installed": 0, "confirmed": 0, "rolled_back": 0, "cut_boots": 0}
    runs = {}
    flash = first()
    while told["cuts"] < CUTS:
        flash.power = number((40000, 120000, 3000)[number(3)])
        try:
            life(flash, told)
        except Exception:  # an AssertionError as well: what it read was not there any more
            if not flash.dead:
                raise
        told["cuts"] += 1
        try:
            vfs.umount("/flash")
        except OSError:
            told["cut_boots"] += 1
        flash = Nor(flash.data)
        version = boot(flash)  # with power: it must
        runs[version] = runs.get(version, 0) + 1
        os.chdir("/")
        vfs.umount("/flash")
        gc.collect()
    told["ran"] = runs
    print(json.dumps(told))


main()
