"""boards/: data that the schema takes, pins that can be, and what the READMEs say of them."""

import copy
import json
import re

import pytest
from uhep_tools.board import boards
from uhep_tools.board.boards import BoardError

IDS = boards.names()


def test_the_boards():
    assert {"WT32_ETH01", "OLIMEX_ESP32_POE", "LILYGO_T_INTERNET_POE", "LILYGO_T_ETH_LITE_S3",
            "ESP32_DEVKIT_I2S", "SIL_WESP32", "M5STACK_ATOM_ECHO"} <= set(IDS)  # fmt: skip


@pytest.mark.parametrize("which", IDS)
def test_a_board(which):
    board = boards.load(which)  # schema and pins
    assert board["id"] == which
    folder = boards.FOLDER / which
    readme = (folder / "README.md").read_text()
    assert board["tried"] == "not on hardware" and "Not on hardware" in readme
    rows = {int(pin) for pin in re.findall(r"^\| .+ \| (\d+) \|$", readme, re.M)}
    there = {pin for pin, what, _ in boards.uses(board) if what != "RMII"}
    assert rows == there, "the wiring of the README is not that of board.json"
    assert f"{board['flash_mb']}MB" in (folder / "sdkconfig.board").read_text()
    assert f"set(IDF_TARGET {board['chip']})" in (folder / "mpconfigboard.cmake").read_text()
    assert board["name"] in (folder / "mpconfigboard.h").read_text()


@pytest.mark.parametrize("which", IDS)
def test_a_manifest_freezes_what_is_there(which, monkeypatch):
    """Run as MicroPython's build runs it, with doubles of its functions."""
    frozen = []
    place = [boards.FOLDER / which]

    def include(path):
        if path.startswith("$(PORT_DIR)"):
            return
        file = (place[-1] / path).resolve()
        place.append(file.parent)
        exec(file.read_text(), names)
        place.pop()

    def package(name, base_path):
        folder = (place[-1] / base_path / name).resolve()
        frozen.extend(sorted(folder.glob("*.py")))

    def freeze(path):
        frozen.extend(sorted((place[-1] / path).resolve().rglob("*.py")))

    names = {"include": include, "package": package, "freeze": freeze}
    exec((place[0] / "manifest.py").read_text(), names)
    stems = {path.name for path in frozen}
    assert {"agent.py", "message.py", "boot.py", "main.py", "phone.py"} <= stems


def changed(which, path, value):
    """The board with the value at a path, as audio.speaker.sck; None takes it away."""
    board = copy.deepcopy(boards.load(which))
    *way, last = path.split(".")
    at = board
    for key in way:
        at = at[key]
    at[last] = value
    if value is None:
        del at[last]
    return board


ETH, S3, C3 = "WT32_ETH01", "LILYGO_T_ETH_LITE_S3", "ESP32_C3_DEVKIT"
I2S = {"id": 1, "sck": 4, "ws": 5, "sd": 6}
PAD = {"rows": [2, 5, 17, 12], "columns": [34, 36, 13]}


@pytest.mark.parametrize(
    "which, path, value, said",
    [
        (ETH, "audio.speaker.sck", 35, "GPIO 35 (speaker sck) can only be an input"),
        (ETH, "audio.speaker.sd", 6, "GPIO 6 (speaker sd) belongs to the flash"),
        (ETH, "audio.speaker.sd", 1, "GPIO 1 (speaker sd) belongs to the console"),
        (ETH, "audio.speaker.sd", 22, "GPIO 22 is used twice: RMII and speaker sd"),
        (ETH, "audio.speaker.sd", 24, "GPIO 24 (speaker sd): the esp32 has no such pin"),
        (ETH, "audio.speaker.id", 1, "speaker and microphone are on the same I2S port"),
        (ETH, "network.mdc", 18, "GPIO 18 is used twice: network mdc and network mdio"),
        (ETH, "psram", "quad", "GPIO 16 (network power) belongs to the PSRAM"),
        (ETH, "psram", "octal", "the esp32 has no octal PSRAM"),
        (ETH, "chip", "esp32s3", "the esp32s3 has no RMII"),
        (S3, "network.cs", 33, "GPIO 33 (network cs) belongs to the PSRAM"),
        (C3, "audio.speaker", I2S, "the esp32c3 has 1 I2S port"),
        (ETH, "flash_mb", 5, "$.flash_mb: 5 is not one of [4, 8, 16]"),
        (ETH, "network.colour", "red", "colour"),
        (ETH, "chip", None, "'chip' is a required property"),
        (ETH, "keypads", [PAD | {"rows": [2, 5, 17, 35]}], "GPIO 35 (keypad 1 row) can only be"),
        (ETH, "keypads", [PAD, PAD], "GPIO 2 is used twice: keypad 1 row and keypad 2 row"),
        (ETH, "keypads", [PAD | {"rows": [2, 5, 17]}], "$.keypads[0].rows"),
    ],
)
def test_what_can_not_be_is_named(which, path, value, said):
    with pytest.raises(BoardError) as told:
        boards.check(changed(which, path, value), "board.json")
    assert said in str(told.value)


def test_a_board_of_ones_own(tmp_path):
    board = changed(ETH, "id", "MINE")
    (tmp_path / "board.json").write_text(json.dumps(board))
    assert boards.load(str(tmp_path))["id"] == "MINE"
    with pytest.raises(BoardError, match="there is no board 'NONE'; there are: ESP32_C3"):
        boards.load("NONE")
