"""The messages of RFC 4475, from ../vectors/rfc4475."""

import json

_FOLDER = (__file__.rpartition("/")[0] or ".") + "/../vectors/rfc4475/"


def messages():
    """A list of (its row of messages.jsonl as a dict, the message as bytes)."""
    with open(_FOLDER + "messages.jsonl") as f:
        rows = [json.loads(line) for line in f]
    found = []
    for row in rows:
        with open(_FOLDER + row["name"] + ".dat", "rb") as f:
            found.append((row, f.read()))
    return found


def call_id(row):
    """What a capture of the whole message must find, as bytes or None."""
    return row["call_id"] and row["call_id"].encode()
