"""Starts the device: its settings, the capture agent, then the personality.

In this order: the agent's ring is the largest piece of memory that the device ever asks for,
and gets it while the heap is in one piece, before the rest of the code is loaded around it.
"""

import device
import port

try:
    settings = device.load("device.json")
except ValueError as error:
    print("device.json: %s" % error)
else:
    device.forget()
    del device
    agent = port.capture_agent("hep.json")
    __import__(settings["personality"]).run(settings, agent)
