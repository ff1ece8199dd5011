"""Import the agent and configure it: what then stays on the heap is what it weighs."""

import json

import uhep

agent = uhep.Agent(
    {
        "capture_address": "192.0.2.9:9060",
        "capture_id": 2001,
        "capture_name": "desk-17",
        "capture_password": "sesame",
    }
)
print(json.dumps({"ring": len(agent.ring.buf)}))
