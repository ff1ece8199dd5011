"""Which modules an agent that sends by UDP imports, where there is no native code.

Prints {"modules": names}. uhep.config is among them, though the agent lets it go again.
"""

import json
import sys

sys.modules["uhep._native"] = None  # has no `capture`: the agent takes the bytecode

import uhep.config  # noqa: E402

agent = uhep.Agent({"capture_address": "192.0.2.9:9060"})
flow = agent.flow(("192.0.2.10", 5060), ("192.0.2.20", 5060))
agent.capture(flow, uhep.OUT, b"OPTIONS", 7)
agent.stats()
own = [name for name in sys.modules if name.split(".")[0] == "uhep" and sys.modules[name]]
print(json.dumps({"modules": sorted(own)}))
