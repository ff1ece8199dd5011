"""Runs the personality that device.json names."""

import device

try:
    settings = device.load("device.json")
except ValueError as error:
    print("device.json: %s" % error)
else:
    __import__(settings["personality"]).run(settings)
