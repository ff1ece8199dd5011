"""Updates on littlefs, in flash that loses power: micropython ... CUTS SEED KEY BUNDLE*3

The device runs the first bundle's release and is given another one, boots, proves it or does not,
and goes on so for as many power cuts as asked for. After each it must boot, into one whole
release. Three releases, so that the slot to be written always has another one in it, whole or
not. Prints one JSON object. With "early" behind the bundles it switches slots before the files
are there: a mistake that has to be found.
"""

import gc
import hashlib
import json
import os
import sys
from binascii import hexlify

import vfs

sys.path.insert(0, __file__.rpartition("/")[0])
sys.path.insert(0, __file__.rpartition("/host_tests/")[0] + "/firmware")
import ed25519
import slots
import update
from nor import Nor

BLOCKS = 96
CUTS, SEED = int(sys.argv[1]), int(sys.argv[2])
KEY = None if sys.argv[3] == "-" else sys.argv[3]
BUNDLES = []
for name in sys.argv[4:7]:
    with open(name, "rb") as file:
        BUNDLES.append(file.read())
with open(sys.path[0] + "/boot.py") as file:
    BOOT = compile(file.read(), "boot.py", "exec")
PATH = list(sys.path)
state = [SEED * 7919 + 1]
verdicts = {}
verify = ed25519.steps


def steps(key, message, signature):
    """Each signature is checked once: that takes longest, and writes nothing."""
    asked = key + message + signature
    if asked not in verdicts:
        for verdict in verify(key, message, signature):
            yield verdict
        verdicts[asked] = verdict
    yield verdicts[asked]


ed25519.steps = steps


def number(most):
    """The next of a row of numbers that looks random."""
    state[0] = (state[0] * 1103515245 + 12345) & 0x7FFFFFFF
    return (state[0] >> 8) % most


def manifest(bundle):
    """The version of a bundle's release, and {path: SHA-256} of its files."""
    head = bundle.find(b"\n")
    n = int(bundle[:head].split()[1])
    text = bundle[head + 1 : head + 1 + n]
    lines = text.split(b"\n")
    files = {"release.txt": hexlify(hashlib.sha256(text).digest())}
    for line in lines[3:-1]:
        digest, _, path = line.split(b" ")
        files[path.decode()] = digest
    return lines[1].split()[1].decode(), files


MANIFESTS = [manifest(bundle) for bundle in BUNDLES]
VERSIONS = [version for version, _ in MANIFESTS]


def mount(flash):
    vfs.mount(vfs.VfsLfs2(flash, readsize=32, progsize=32, lookahead=32), "/flash")
    os.chdir("/flash")


def boot(flash):
    """boot.py on this flash: which release runs. Both slots must be whole, or not count."""
    mount(flash)
    sys.path[:] = PATH
    exec(BOOT, {"__name__": "boot"})
    slot = sys.path[0]
    sys.path[:] = PATH
    if flash.dead:
        raise OSError(5)
    assert slot in ("/flash/a", "/flash/b"), slot
    runs = slots.version_of(slot[-1])
    for each in "ab":
        version = slots.version_of(each)
        if version:  # where there is a manifest, there is all of a release
            there = {}
            walk("/flash/" + each, "", there)
            whole = there == MANIFESTS[VERSIONS.index(version)][1]
            assert whole, "%s is not whole, slot: %s" % (each, text("slot"))
    return VERSIONS.index(runs)


def walk(slot, inner, there):
    for name, kind, *_ in os.ilistdir(slot + "/" + inner):
        if kind & 0x4000:
            walk(slot, inner + name + "/", there)
        else:
            with open(slot + "/" + inner + name, "rb") as file:
                there[inner + name] = hexlify(hashlib.sha256(file.read()).digest())


def text(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


switch = slots.try_other


def early(taking):
    sys.modules["manifest"].folder(taking._slot)
    slots.write(taking._slot + "/release.txt", taking._text)
    switch()


if "early" in sys.argv:
    update.Update._clear = early
    slots.try_other = lambda: None


def install(bundle, key):
    """The update as a device takes it in, in pieces of some size."""
    piece = 100 + number(900)
    taking = update.Update(key, "x64", False)
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
    install(BUNDLES[0], None)
    with open("slot", "w") as file:
        file.write("a")
    vfs.umount("/flash")
    return flash


class Power:
    """Goes while the device is at `aim`: at any octet of what that writes, or has ever written.

    A step that is one rename writes 192 octets as a rule, and 8,600 when littlefs has to clear up.
    """

    def __init__(self, flash, aim):
        self.flash = flash
        self.aim = aim
        self.doing = None

    def at(self, what):
        """What the device does from here on."""
        if self.doing:
            most[self.doing] = max(most[self.doing], self.flash.used - self.since)
        self.doing = what
        self.since = self.flash.used
        if what == self.aim:
            self.flash.power = number(most[what] if what == "install" or number(3) == 0 else 192)
            self.aim = None


most = {"boot": 192, "install": 192, "switch": 192, "confirm": 192, "trial": 192}  # octets
# "boot" behind "switch", which leaves a release on trial: only then a boot writes.
AIMS = ("install",) * 5 + ("switch", "boot", "confirm", "trial")


def life(power, told, forever=True):
    """An update and what follows, again and again until the power goes; or one update."""
    power.at("boot")
    runs = boot(power.flash)
    while True:
        words = text("slot").split()
        if len(words) == 3 and number(2):
            power.at("confirm")
            slots.confirm()
            told["confirmed"] += 1
        elif len(words) == 3:
            power.at("trial")
            vfs.umount("/flash")  # it crashes, again and again
            was = runs
            runs = boot(power.flash)
            told["rolled_back"] += runs != was
            continue
        # Neither what runs nor, if it is known, what is in the other slot.
        target = (runs + 1) % 3
        if VERSIONS[target] == slots.version_of(slots.state()[1]):
            target = (runs + 2) % 3
        power.at("install")
        install(BUNDLES[target], KEY)
        told["installed"] += 1
        power.at("switch")
        vfs.umount("/flash")
        runs = boot(power.flash)
        assert runs == target, (runs, text("slot"))
        if not forever:
            return


def main():
    told = {"cuts": 0, "installed": 0, "confirmed": 0, "rolled_back": 0, "unmountable": 0}
    told["ran"] = {version: 0 for version in VERSIONS}
    told["during"] = {what: 0 for what in most}
    flash = first()
    life(Power(flash, None), dict(told), False)
    os.chdir("/")
    vfs.umount("/flash")
    while told["cuts"] < CUTS:
        power = Power(flash, AIMS[told["cuts"] % len(AIMS)])
        try:
            life(power, told)
        except Exception:  # an AssertionError as well: what it read was not there any more
            if not flash.dead:
                raise
        told["cuts"] += 1
        told["during"][power.doing] += 1
        try:
            vfs.umount("/flash")
        except OSError:
            told["unmountable"] += 1
        flash = Nor(flash.data)
        told["ran"][VERSIONS[boot(flash)]] += 1  # with power: it must
        os.chdir("/")
        vfs.umount("/flash")
        gc.collect()
    told["octets"] = most
    print(json.dumps(told))


main()
