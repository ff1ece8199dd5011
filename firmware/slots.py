"""The two slots of releases: what runs, and whether it stays. boot.py says how they work."""

import os

RELEASE = "release.txt"  # the manifest; where it is, the slot is whole
TRIES = 3  # boots that a release has to prove itself


def state():
    """(slot that runs, the other, boots left): the last is None unless it is on trial.

    (None, None, None) where there are no slots.
    """
    try:
        with open("slot") as file:
            words = file.read().split()
    except OSError:
        words = []
    if not words or words[0] not in ("a", "b"):
        return (None, None, None)
    left = int(words[2]) if len(words) == 3 else None
    return (words[0], "b" if words[0] == "a" else "a", left)


def failed():
    """Whether the release in the other slot was tried and failed."""
    try:
        with open("slot") as file:
            return len(file.read().split()) == 2
    except OSError:
        return False


def version_of(slot):
    """The version of the release in a slot; None if there is no whole one."""
    try:
        with open("%s/%s" % (slot, RELEASE)) as file:
            file.readline()
            return file.readline().strip().split(" ")[1]
    except (OSError, IndexError):
        return None


def version():
    """Of the release that runs; "?" where there are no slots."""
    return version_of(state()[0]) or "?"


def try_other():
    """From the next boot on the other slot's release is on trial."""
    running, other, _ = state()
    write("slot", "%s %s %d" % (other, running, TRIES))


def confirm():
    """The release that runs stays. True if it was on trial."""
    running, _, left = state()
    if left is None:
        return False
    write("slot", running)
    return True


def write(path, text):
    """Replace a file's content in one step: whatever happens, one of the two is there."""
    with open(path + ".new", "w" if isinstance(text, str) else "wb") as file:
        file.write(text)
    os.rename(path + ".new", path)
