"""uhep image: built from real firmware, mounted and booted by MicroPython, judged by esptool."""

import json
import struct
import subprocess
import sys

import pytest
from conftest import FIRMWARE, ROOT
from typer.testing import CliRunner
from uhep_tools.bench import firmware as bench
from uhep_tools.board import boards, filesystem, firmware, image, release
from uhep_tools.board.firmware import FirmwareError
from uhep_tools.cli import app
from uhep_tools.ports import free_block

ESP32, C3 = FIRMWARE / "esp32-20251209-v1.27.0.bin", FIRMWARE / "esp32c3-20251209-v1.27.0.bin"
S3 = FIRMWARE / "esp32s3_spiram_oct-20251209-v1.27.0.bin"
OLD = FIRMWARE / "esp32cam-v1.21.0_camera.bin"
BOOT = ROOT / "host_tests/device/boot_image.py"
MIB = 1 << 20

pytestmark = pytest.mark.peer("firmware")


def uhep(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def compose(file, board, **options):
    device = {"name": "desk-17"}
    return image.compose(firmware.load(file), boards.load(board), device, {}, **options)


@pytest.fixture(scope="module")
def whole():
    return compose(ESP32, "WT32_ETH01")


@pytest.mark.parametrize(
    "file, board, personality",
    [
        (ESP32, "ESP32_DEVKIT_I2S", "phone"),
        (C3, "ESP32_C3_DEVKIT", "phone"),
        (S3, "LILYGO_T_ETH_LITE_S3", "ata"),
    ],
)
def test_a_device_boots_from_it(micropython, tmp_path, file, board, personality):
    """MicroPython mounts the file system of the image, and runs the device from nothing else."""
    sip, rtp = free_block(2), free_block(8)
    out = tmp_path / "full.bin"
    done = uhep(
        *("image", "--firmware", file, "--board", board, "--personality", personality, "-o", out),
        *("--set", f"sip_port={sip}", "--set", f"rtp_port={rtp}", "--set", "quit_after_ms=1"),
        *("--set", "audio=tone"),
        *("--set", "hep.capture_address=127.0.0.1:9", "--set", "hep.capture_name=desk-17"),
    )
    assert done.exit_code == 0, done.output
    flash_mb = boards.load(board)["flash_mb"]
    assert out.stat().st_size == flash_mb * MIB
    blocks = (flash_mb - 2) * MIB // 4096
    ran = boot(micropython, tmp_path, blocks)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = ran.stdout.splitlines()
    assert said[0].startswith(f"statvfs (4096, 4096, {blocks}, "), said[0]
    counts = json.loads(next(line for line in said if line.startswith("{")))
    assert counts["device"] == personality and counts["sip_port"] == sip
    assert counts["capture"] is not None
    assert said[-2:] == ["path /board/a", "from /board/a/start.mpy /board/a/uhep/agent.mpy"]


@pytest.mark.parametrize("file, board", [(ESP32, "WT32_ETH01"), (C3, "ESP32_C3_DEVKIT")])
def test_esptool_takes_it(tmp_path, file, board):
    """Bootloader and app are whole where they belong; the header says the flash's size."""
    made = compose(file, board, flash_mb=16)
    read = firmware.load(file)
    app_at = read.app().at
    for name, at, end in ("boot", read.offset, 0x8000), ("app", app_at, 2 * MIB):
        part = tmp_path / name
        part.write_bytes(made.data[at:end])
        command = [sys.executable, "-m", "esptool", "image-info", str(part)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"Detected image type: {read.chip.upper().replace('32C', '32-C')}" in done.stdout
        assert "(valid)" in done.stdout and "invalid" not in done.stdout
        if name == "boot":
            assert "Flash size: 16MB" in done.stdout, done.stdout
    assert made.data[app_at : app_at + 1000] == read.data[app_at - read.offset :][:1000]


@pytest.mark.parametrize("flash_mb, blocks", [(4, 512), (8, 1536), (16, 3584)])
def test_the_file_system_is_exactly_as_large_as_its_partition(flash_mb, blocks):
    made = compose(ESP32, "WT32_ETH01", flash_mb=flash_mb)
    assert len(made.data) == flash_mb * MIB and made.blocks[1] == blocks
    files = filesystem.read(made.data[2 * MIB :])
    assert files == made.files


def test_no_other_size_mounts(micropython, tmp_path, whole):
    """Why the number of blocks has to be exactly right: the port then formats, or hangs."""
    (tmp_path / "full.bin").write_bytes(whole.data)
    for blocks in 256, 511, 513:
        ran = boot(micropython, tmp_path, blocks)
        assert ran.returncode == 1 and "EINVAL" in ran.stdout


def boot(micropython, folder, blocks):
    return subprocess.run(
        [micropython, "-X", "heapsize=4M", BOOT, folder / "full.bin", str(2 * MIB), str(blocks)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={},
        timeout=300,
    )


def test_the_same_input_gives_the_same_octets(whole):
    assert compose(ESP32, "WT32_ETH01").data == whole.data
    assert compose(ESP32, "WT32_ETH01", version="0.1.1").data != whole.data


def test_what_is_in_it(whole):
    files = whole.files
    assert json.loads(files["board.json"])["network"]["kind"] == "rmii"
    assert json.loads(files["device.json"]) == {"name": "desk-17"}
    assert files["slot"] == b"a" and "hep.json" not in files
    manifest = files["a/release.txt"].decode().splitlines()
    assert manifest[:3] == ["uhep release 1", "version 0.1.0", "arch xtensawin"]
    listed = {f"a/{line.split()[2]}" for line in manifest[3:]}
    assert listed | {"a/release.txt"} == {path for path in files if path.startswith("a/")}
    for absent in "a/uhep/host.mpy", "a/meter.mpy", "a/boot.mpy", "a/main.mpy":
        assert absent not in files
    assert str(ROOT).encode() not in whole.data
    # Machine code for the chip, 31-bit integers.
    native = files["a/uhep/_native.mpy"]
    assert native[0:2] == b"M\x06" and native[2] >> 2 == 10 and native[3] == 31


def ota(data):
    """The firmware with an OTA layout: two apps of 1.5 MB and a vfs of 240 blocks."""

    def row(kind, subtype, at, size, name):
        return struct.pack("<2sBBII16sI", b"\xaa\x50", kind, subtype, at, size, name, 0)

    app = data[0xF000:]
    table = b"".join(
        [
            row(1, 2, 0x9000, 0x4000, b"nvs"),
            row(1, 0, 0xD000, 0x2000, b"otadata"),
            row(0, 0x10, 0x10000, 0x180000, b"ota_0"),
            row(0, 0x11, 0x190000, 0x180000, b"ota_1"),
            row(1, 0x81, 0x310000, 0xF0000, b"vfs"),
        ]
    )
    # An app that fits: the real one's banner, in an image of one segment.
    code = b"MicroPython v1.27.0 on 2025-12-09\0; Generic ESP32 module with ESP32\0".ljust(
        96, b"\0"
    )
    head = bytes([0xE9, 1, 2, 0x20]) + bytes(19) + b"\0"
    app = (head + struct.pack("<II", 0x3F400020, 96) + code).ljust(144, b"\0")
    return (data[:0x7000] + table).ljust(0xF000, b"\xff") + app


def test_a_layout_for_ota(tmp_path):
    file = tmp_path / "ota.bin"
    file.write_bytes(ota(ESP32.read_bytes()))
    made = compose(file, "WT32_ETH01")
    assert made.blocks[1] == 240
    assert filesystem.read(made.data[0x310000:]) == made.files
    assert [row.name for row in made.rows if row.at >= 0x9000] == [
        "nvs", "otadata", "unused", "ota_0", "ota_1", "vfs"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "board, octets, ring, room",
    [
        ("ESP32_DEVKIT_I2S", 150000, 8192, "139,000 with Wi-Fi up"),
        ("ESP32_DEVKIT_I2S", 130000, 8192, None),
        ("WT32_ETH01", 150000, 8192, None),
        ("WT32_ETH01", 170000, 8192, "164,000"),
        ("WT32_ETH01", 150000, 32768, "164,000"),
    ],
)
def test_what_does_not_fit_into_memory_is_told(monkeypatch, tmp_path, board, octets, ring, room):
    held = {"octets": octets, "frozen": 1}
    row = dict.fromkeys(("agent", "board", "personality", "calls"), 1)
    row |= {"sum": octets, "held": held}
    figures = {"flash": {}, "heap": {"phone": row}, "left_out": None}
    monkeypatch.setattr(bench, "measure", lambda names: figures)
    done = uhep(
        *("image", "--firmware", ESP32, "--board", board, "-o", tmp_path / "x.bin"),
        *("--set", "hep.capture_address=192.0.2.9:9060", "--set", f"hep.queue_bytes={ring}"),
    )
    assert done.exit_code == 0, done.output
    said = f"phone takes {octets + ring - 8192:,} octets of heap, but this board has"
    assert (said in done.output) == bool(room), done.output
    assert not room or f"{said} {room}. Take one with PSRAM" in done.output
    wifi = "ESP32_DEVKIT_I2S has Wi-Fi only: it will need --set wifi_ssid=NAME."
    assert (wifi in done.output) == (board == "ESP32_DEVKIT_I2S")


def refused(*args, files=()):
    done = uhep("image", *args)
    assert done.exit_code == 1, done.output
    return done.output


@pytest.mark.parametrize(
    "file, board, options, said",
    [
        (C3, "WT32_ETH01", [], "is for esp32c3 (ESP32C3 module with ESP32C3), but WT32_ETH01 has"),
        (OLD, "WT32_ETH01", [], "MicroPython 1.21.0 is too old: uhep needs 1.26 or newer"),
        (ESP32, "WT32_ETH01", ["--flash-mb", 2], "end at 0x200000"),
        (ESP32, "WT32_ETH01", ["--flash-mb", 1], "(factory), but a flash of 1 MB ends"),
        *(
            (ESP32, "WT32_ETH01", ["--flash-mb", n], f"a flash of {n} MB: only 4, 8 and 16 are")
            for n in (3, 5, 32)
        ),
        (
            *(ESP32, "WT32_ETH01", ["--personality", "sniffer", "--set", "interface=eth0"]),
            "a sniffer needs the packet sockets of Linux, which no esp32 has",
        ),
        (ESP32, "NONE", [], "there is no board 'NONE'"),
        (ROOT / "README.md", "WT32_ETH01", [], "no ESP firmware: it begins with 23207568"),
        (ROOT / "none.bin", "WT32_ETH01", [], "none.bin: No such file. For WT32_ETH01 it is"),
        (ROOT / "none.bin", "LILYGO_T_ETH_LITE_S3", [], "/download/ESP32_GENERIC_S3/"),
        (ESP32, "WT32_ETH01", ["--version", "1"], "'1' is no version"),
        (ESP32, "WT32_ETH01", ["--set", "talk_ms=-1"], "device.json: talk_ms is -1, but must"),
        (ESP32, "WT32_ETH01", ["--set", "hep.capture_adress=x"], "capture_adress: no such key"),
        (ESP32, "WT32_ETH01", ["--set", "hep.capture_password=sesame"], "secrets set hep_key"),
        (ESP32, "WT32_ETH01", ["--set", "wifi_key=sesame"], "uhep secrets set wifi_key"),
        (ESP32, "WT32_ETH01", ["--personality", "toaster"], "personality is 'toaster'"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(file, board, options, said, tmp_path):
    out = tmp_path / "x.bin"
    output = refused("--firmware", file, "--board", board, "-o", out, *options)
    if said == "end at 0x200000":
        assert "leave 0 octets" in output
    else:
        assert said in output.replace("\n", " "), output
    assert "sesame" not in output and not out.exists()


def test_damaged_firmware(tmp_path):
    data = ESP32.read_bytes()
    file = tmp_path / "f.bin"
    for changed, said in (
        (data[:1000000], "cut off after 1,000,000 octets"),
        (data[:-10], f"cut off: {len(data) - 10:,} octets, {len(data):,} would be whole"),
        (data[:0x7010], "no partition table at 0x7000: take the .bin, not the .app-bin"),
        (data[0xF000:], "no partition table"),
        (data[:500000] + b"x" + data[500001:], "damaged: the app's SHA-256 does not match"),
        (data[:0xF000] + b"\xff" + data[0xF001:], "no app at 0x10000"),
        (data[:12] + b"\x63" + data[13:], "a chip with the number 99"),
        (b"", "begins with nothing"),
    ):
        file.write_bytes(changed)
        with pytest.raises(FirmwareError) as told:
            firmware.load(file)
        assert said in str(told.value)


def test_a_firmware_that_reaches_into_the_files_is_refused(tmp_path):
    file = tmp_path / "ota.bin"
    file.write_bytes(ota(ESP32.read_bytes()).ljust(0x310000 - 0x1000 + 1, b"\0"))
    said = "the firmware reaches up to 0x310001, into the files, which begin at 0x310000"
    with pytest.raises(image.ImageError, match=said):
        compose(file, "WT32_ETH01")


def test_too_large_content_is_refused_with_the_numbers(tmp_path, whole):
    with pytest.raises(filesystem.FilesystemError) as told:
        filesystem.build({"a": b"x" * 300000}, 64 * 4096)
    assert str(told.value) == (
        "1 files of 300,000 octets do not fit into 262,144 octets, 64 blocks of 4096"
    )
    assert whole.updatable
    for blocks in min(whole.blocks[0] * 3 // 2, 0xF0), whole.blocks[0] // 2:
        vfs = struct.pack("<II", 0x310000, 0xF0000), struct.pack("<II", 0x310000, blocks * 4096)
        file = tmp_path / "ota.bin"
        file.write_bytes(ota(ESP32.read_bytes()).replace(*vfs))
        if blocks > whole.blocks[0]:  # enough for one slot, not for two
            assert not compose(file, "WT32_ETH01").updatable
            continue
        with pytest.raises(filesystem.FilesystemError, match=rf"do not fit .* {blocks} blocks"):
            compose(file, "WT32_ETH01")


def test_mpy_files_of_another_version_are_refused(monkeypatch):
    monkeypatch.setattr(release, "MPY", 7)
    release._compile.cache_clear()
    with pytest.raises(release.ReleaseError, match=r"makes .mpy version 6; the firmware reads 7"):
        release.build("esp32")


def test_machine_code_for_each_chip():
    for chip, arch in ("esp32", 10), ("esp32s3", 10), ("esp32c3", 11):
        assert release.build(chip).files["uhep/_native.mpy"][2] >> 2 & 15 == arch
    with pytest.raises(release.ReleaseError, match="no machine code for esp8266"):
        release.build("esp8266")
