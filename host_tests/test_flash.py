"""uhep flash: what it would write, and what it refuses. Without a board it goes no further."""

import pytest
from conftest import FIRMWARE
from fake_rom import FakeRom
from typer.testing import CliRunner
from uhep_tools.board import boards, firmware, flash, image
from uhep_tools.cli import app

ESP32, C3 = FIRMWARE / "esp32-20251209-v1.27.0.bin", FIRMWARE / "esp32c3-20251209-v1.27.0.bin"

pytestmark = pytest.mark.peer("firmware")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    made = image.compose(firmware.load(ESP32), boards.load("WT32_ETH01"), {}, {})
    path = tmp_path_factory.mktemp("flash") / "full.bin"
    path.write_bytes(made.data)
    return path


def uhep(*args):
    done = CliRunner().invoke(app, ["flash", *map(str, args)])
    return done.exit_code, done.output


def test_secrets_stay(file):
    """All is written but the NVS."""
    code, said = uhep(file, "--dry-run")
    rows = ["To be written:", "  0x001000 to 0x009000", "  0x00f000 to 0x400000"]
    assert code == 0 and said.splitlines() == rows
    read, data = flash.read(file)
    one, two = flash.parts(read, data, erase=False)
    assert one.data == data[0x1000:0x9000] and two.data == data[0xF000:]
    code, said = uhep(file, "--dry-run", "--erase")
    assert said.splitlines()[1:] == ["  0x000000 to 0x400000"]


def test_another_chip_or_size_is_refused(file):
    read, data = flash.read(file)
    flash.check(read, data, "esp32", 4 << 20)
    with pytest.raises(flash.FlashError, match="is for esp32, the board has an esp32c3"):
        flash.check(read, data, "esp32c3", 4 << 20)
    with pytest.raises(flash.FlashError, match="of 4 MB, the board has 16 MB.*--flash-mb 16"):
        flash.check(read, data, "esp32", 16 << 20)


def test_what_esptool_is_told(file, monkeypatch):
    told = []
    monkeypatch.setattr(flash, "_esptool", lambda args, quiet=False: told.append(args))
    read, data = flash.read(file)
    for erase in False, True:
        flash.write("/dev/x", 9600, read, flash.parts(read, data, erase), erase)
    kept, erased = told
    assert kept[:6] == ["--chip", "esp32", "--port", "/dev/x", "--baud", "9600"]
    assert "write-flash" in kept and "--erase-all" not in kept and "--erase-all" in erased
    assert [word for word in kept if word.startswith("0x")] == ["0x1000", "0xf000"]
    assert [word for word in erased if word.startswith("0x")] == ["0x0"]
    # The size in the header is the image's: esptool does not write another one.
    assert kept[kept.index("--flash-size") + 1] == "keep"


def test_a_board_without_reset_lines(file):
    """A serial adapter at RX and TX, GPIO 0 at GND: it comes into its bootloader once."""
    rom = FakeRom()
    read, data = flash.read(file)
    part = flash.Part(0x1F0000, data[0x1F0000:0x210000])
    try:
        chip, size = flash.chip_flash(rom.url, 460800)
        flash.check(read, data, chip, size)
        assert rom.baud == 115200
        flash.write(rom.url, 460800, read, [part], erase=False)
        assert rom.baud == 460800
        assert rom.flash[0x1F0000:0x210000] == part.data
    finally:
        rom.close()


def test_what_is_no_image(tmp_path, file):
    code, said = uhep(ESP32)
    assert code == 1 and "octets are no flash of 4, 8 or 16 MB; uhep image makes one" in said
    assert "No such file" in uhep(tmp_path / "none")[1]
    bad = tmp_path / "bad.bin"
    bad.write_bytes(b"\xff" * (4 << 20))
    assert "no ESP firmware" in uhep(bad)[1]
    data = bytearray(file.read_bytes())
    data[0x80000] ^= 1
    bad.write_bytes(data)
    code, said = uhep(bad)
    assert code == 1 and "damaged: the app's SHA-256 does not match" in said


def test_no_board(file):
    code, said = uhep(file, "--port", "/dev/none")
    assert code == 1 and "uhep flash: /dev/none: there is no such port" in said
    code, said = uhep(file, "--port", "/dev/null")
    assert code == 1 and "esptool flash-id failed" in said and "Hold BOOT" in said


@pytest.mark.parametrize(
    "said, found",
    [
        ("Chip type: ESP32-D0WD-V3 (revision v3.1)\nDetected flash size: 4MB\n", ("esp32", 4)),
        ("Chip type: ESP32-S3 (QFN56)\nDetected flash size: 16MB\n", ("esp32s3", 16)),
        ("Chip type: ESP32-C3 (QFN32)\nDetected flash size: 4MB\n", ("esp32c3", 4)),
        ("Chip type: ESP32-PICO-D4 (revision v1.1)\nDetected flash size: 4MB\n", ("esp32", 4)),
    ],
)  # fmt: skip
def test_what_esptool_says(monkeypatch, said, found):
    monkeypatch.setattr(flash, "_esptool", lambda args, quiet: said)
    assert flash.chip_flash("x", 1) == (found[0], found[1] << 20)
    monkeypatch.setattr(flash, "_esptool", lambda args, quiet: "A fatal error occurred")
    with pytest.raises(flash.FlashError, match="does not tell chip and flash"):
        flash.chip_flash("x", 1)
