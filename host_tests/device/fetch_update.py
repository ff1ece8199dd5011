"""A device that looks for an update: micropython ... URL KEY, in a folder with slots.

Turns as the keeper does until there is something to tell. Prints one JSON object.
"""

import json
import socket
import sys
import time

import slots
import updates

url, key = sys.argv[1:3]
updates._FIRST_MS = 0
settings = {"update_url": url, "update_key": key, "update_every_s": 4000}
looks = updates.Updates(settings, lambda: "", socket, time)
said = ""
steps = 0
longest = 0
begun = time.ticks_ms()
while not said and time.ticks_diff(time.ticks_ms(), begun) < 60000:
    said = looks.poll()
    steps += 1
    if looks._fetch is None and steps > 1:
        break
    time.sleep_ms(1)
print(
    json.dumps({"said": said, "ready": looks.ready, "slot": slots.state(), "arch": updates.arch()})
)
