"""The boards of boards/: read, checked against the schema, and their pins against each other."""

import json
from pathlib import Path
from typing import Any

from uhep_tools.sim import ROOT, SimError, find_firmware

FOLDER = ROOT / "boards"
# Pins of a network: what for -> whether the chip drives it.
_NETWORK = {
    "mdc": True, "mdio": True, "power": True, "reset": True, "sck": True, "mosi": True, "cs": True,
    "miso": False, "int": False,
}  # fmt: skip

_CHIPS: dict[str, dict[str, Any]] = {
    # pins: those that exist; flash, console: taken; inputs: can not drive anything
    "esp32": {
        "pins": {*range(24), 25, 26, 27, *range(32, 40)} - {20},
        "flash": set(range(6, 12)),
        "console": {1, 3},
        "inputs": set(range(34, 40)),
        "psram": {"quad": {16, 17}},
        "ports": 2,
        "rmii": {19, 21, 22, 25, 26, 27},
    },
    "esp32s3": {
        "pins": {*range(22), *range(26, 49)},
        "flash": set(range(26, 33)),
        "console": {19, 20, 43, 44},
        "inputs": set(),
        "psram": {"quad": set(), "octal": set(range(33, 38))},
        "ports": 2,
        "rmii": None,
    },
    "esp32c3": {
        "pins": set(range(22)),
        "flash": set(range(11, 18)),
        "console": {18, 19},
        "inputs": set(),
        "psram": {},
        "ports": 1,
        "rmii": None,
    },
}


class BoardError(Exception):
    """A board that is not there or can not be built so; the text says what is wrong."""


def names() -> list[str]:
    """The ids of all boards."""
    return sorted(path.parent.name for path in FOLDER.glob("*/board.json"))


def load(which: str) -> dict[str, Any]:
    """The board of an id, or of a folder or a board.json elsewhere. Raises BoardError."""
    path = FOLDER / which / "board.json"
    if not path.exists():
        path = Path(which)
        path = path / "board.json" if path.is_dir() else path
    try:
        find_firmware()
        board = json.loads(path.read_text())
    except SimError as error:
        raise BoardError(str(error)) from None
    except FileNotFoundError:
        raise BoardError(f"there is no board {which!r}; there are: {', '.join(names())}") from None
    except ValueError as error:
        raise BoardError(f"{path} is not JSON: {error}") from None
    check(board, str(path))
    return board


def check(board: Any, where: str) -> None:
    """Raises BoardError for what the schema forbids, and for the first pin that is no good."""
    import jsonschema

    schema = json.loads((FOLDER / "schema.json").read_text())
    faults = sorted(
        jsonschema.Draft202012Validator(schema).iter_errors(board), key=lambda e: e.json_path
    )
    if faults:
        fault = faults[0]
        if fault.context:  # of several kinds: the one that was meant says it best
            fault = jsonschema.exceptions.best_match([fault])
        raise BoardError(f"{where}: {fault.json_path}: {fault.message}")
    wrong = conflicts(board)
    if wrong:
        raise BoardError(f"{where}: {wrong[0]}")


def uses(board: dict[str, Any]) -> list[tuple[int, str, bool]]:
    """(GPIO, what for, whether the chip drives it) of each pin that a board uses."""
    found = []
    network = board["network"]
    for key, driven in _NETWORK.items():
        if key in network:
            found.append((network[key], f"network {key}", driven))
    if "ref_clk" in network:
        out = network["ref_clk_mode"] == "out"
        found.append((network["ref_clk"], "network ref_clk", out))
    if network["kind"] == "rmii":
        found += [(pin, "RMII", True) for pin in _CHIPS[board["chip"]]["rmii"] or ()]
    for part, pins in board["audio"].items():
        found += [(pins[key], f"{part} {key}", True) for key in ("sck", "ws")]
        found.append((pins["sd"], f"{part} sd", part == "speaker"))
    found += [(led["pin"], f"LED {name}", True) for name, led in board["leds"].items()]
    found += [(each["pin"], f"button {name}", False) for name, each in board["buttons"].items()]
    for number, keypad in enumerate(board.get("keypads", []), 1):
        found += [(pin, f"keypad {number} row", True) for pin in keypad["rows"]]
        found += [(pin, f"keypad {number} column", False) for pin in keypad["columns"]]
    return found


def conflicts(board: dict[str, Any]) -> list[str]:
    """What can not be with the pins of a board, each as a sentence. It need not be complete."""
    chip = _CHIPS[board["chip"]]
    wrong = []
    if board["network"]["kind"] == "rmii" and chip["rmii"] is None:
        wrong.append(f"the {board['chip']} has no RMII; an Ethernet chip on SPI would do")
    used: dict[int, str] = {}
    for pin, what, driven in uses(board):
        if pin not in chip["pins"]:
            wrong.append(f"GPIO {pin} ({what}): the {board['chip']} has no such pin")
        for taker, pins in (
            ("the flash", chip["flash"]),
            ("the console", chip["console"]),
            ("the PSRAM", chip["psram"].get(board.get("psram"), set())),
        ):
            if pin in pins:
                wrong.append(f"GPIO {pin} ({what}) belongs to {taker}")
        if driven and pin in chip["inputs"]:
            wrong.append(f"GPIO {pin} ({what}) can only be an input")
        if pin in used:
            wrong.append(f"GPIO {pin} is used twice: {used[pin]} and {what}")
        used[pin] = what
    if board.get("psram") and board["psram"] not in chip["psram"]:
        wrong.append(f"the {board['chip']} has no {board['psram']} PSRAM")
    ports = [pins["id"] for pins in board["audio"].values()]
    if len(set(ports)) < len(ports):
        wrong.append("speaker and microphone are on the same I2S port; each needs its own")
    if any(port >= chip["ports"] for port in ports):
        wrong.append(f"the {board['chip']} has {chip['ports']} I2S port(s), counted from 0")
    return wrong
