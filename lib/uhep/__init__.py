# Part of uhep, MIT licence.
"""A HEP v3 capture agent for embedded SIP devices.

agent = Agent({"capture_address": "192.0.2.9:9060", "capture_id": 2001})
flow = agent.flow(("192.0.2.10", 5060), ("192.0.2.20", 5060), proto=UDP)
agent.capture(flow, OUT, buf, n)
agent.poll()
"""

# Direction of a packet, seen from the device.
IN = 0
OUT = 1

# IP protocol of a flow (chunk 0x0002). TLS is written as TCP unless `tls_proto` is 22.
UDP = 17
TCP = 6
SCTP = 132
TLS = 22

# Payload type of a flow (chunk 0x000b). Any other number from 0 to 255 goes as well.
SIP = 1
SDP = 3
RTP = 4
RTCP = 5  # as JSON
QOS = 34  # MOS report, JSON
QOS_SHORT = 35
LOG = 100  # a line of text

from uhep.agent import Agent  # noqa: E402, F401
