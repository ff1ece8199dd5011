"""Expectations: which packets a device should send, as YAML, and whether it did.

scenario = load("call.yaml", {"device": "127.0.0.1:5060"})
capture = Capture()
with in_thread(Server(capture, port=0)) as server:
    ...  # have the device call, with its capture sent to server.port
    wait(scenario, capture, timeout=30, settle=1)
report = check(scenario, capture)
assert report.ok, report
"""

from uhep_tools.expect.capture import Capture
from uhep_tools.expect.check import check, wait
from uhep_tools.expect.nodes import ScenarioError
from uhep_tools.expect.parse import load, parse
from uhep_tools.expect.report import Report
from uhep_tools.expect.scenario import Scenario

__all__ = ["Capture", "Report", "Scenario", "ScenarioError", "check", "load", "parse", "wait"]
