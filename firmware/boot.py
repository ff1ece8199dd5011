"""What comes before anything else: which release runs, and the heap's habits.

A device has two slots, the folders a and b, each a whole release if it holds a release.txt.
The file `slot` says which runs: "a"; or "b a 2": b is on trial, for two more boots unless it
is confirmed (slots.py), else back to a; or "a b": a, after b has failed. Each change of it is
one rename, so that it is there whole whatever happens to the power. Where there are no slots,
in the emulator or with frozen modules, nothing is done. No update changes this file.
"""

import gc
import os
import sys

import micropython


def _there(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def _choose():
    # The slot to run, or None.
    try:
        with open("slot") as file:
            words = file.read().split()
    except OSError:
        words = []
    whole = [slot for slot in "ab" if _there(slot + "/release.txt")]
    if not whole:
        return None
    if len(words) == 3 and words[2].isdigit():
        trial, old, left = words[0], words[1], int(words[2])
        if left and trial in whole:
            words = [trial, old, str(left - 1)]
        else:
            words = [old, trial]
            if _there("crash.txt"):  # it is the failed release's: it does not count any more
                os.rename("crash.txt", "crash.old")
        with open("slot.new", "w") as file:
            file.write(" ".join(words))
        os.rename("slot.new", "slot")
    return words[0] if words and words[0] in whole else whole[0]


slot = _choose()
if slot:
    sys.path.insert(0, os.getcwd().rstrip("/") + "/" + slot)

# Room for a traceback when there is no memory left to make one; the unix port has none to set.
if hasattr(micropython, "alloc_emergency_exception_buf"):
    micropython.alloc_emergency_exception_buf(100)

# Collect early and often: a heap that is never allowed to fill is collected in a millisecond,
# and does not grow into the memory that Wi-Fi needs. While code is loaded all the more so: what
# is garbage then would leave holes between what stays for ever.
gc.collect()
gc.threshold(4096)
