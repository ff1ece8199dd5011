"""A small SIP user agent for embedded devices: UDP, one PCMU stream a call, one poll()."""
