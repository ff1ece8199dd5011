"""Runs a script of this folder on a board, once or in stages: what it leaves on the heap.

Variables: SCRIPT; STAGES, how often, with `stage` from 0 on; NAMES, what else it finds. Prints
before it and after each stage the modules that are loaded and the octets of heap in use as a
JSON object, and on another line what the firmware says of its names.
"""

import gc
import json
import sys

import micropython

gc.threshold(4096)  # as boot.py does
names = globals()["NAMES"]
with open("/device/" + globals()["SCRIPT"]) as file:
    text = file.read()
for stage in range(-1, globals()["STAGES"]):
    names["stage"] = stage
    if stage >= 0:
        exec(text, names)
    gc.collect()
    told = {"heap_octets": gc.mem_alloc(), "modules": list(sys.modules)}
    sys.stdout.write(json.dumps(told) + "\n")  # print may say nothing by then
    micropython.qstr_info()
