"""device.json and hep.json of a device: put together, and judged by the device's own code."""

import json
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from uhep_tools.sim import ROOT, SimError, find_firmware, find_micropython

# Settings that are secrets -> their name in the device's NVS, where alone they belong.
SECRETS = {
    "wifi_key": "wifi_key",
    "sip_password": "sip_password",
    "sip_password2": "sip_password2",
    "hep.capture_password": "hep_key",
}
_JUDGE = """
import device
from uhep import config
for name, load in (("device.json", device.load), ("hep.json", config.load)):
    try:
        load(name)
    except ValueError as error:
        print("%s: %s" % (name, error))
"""


class SettingsError(Exception):
    """A setting that the device would not take; the text names file, key and what is right."""


def gather(
    device: Path | None, hep: Path | None, options: list[str], personality: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(device.json, hep.json) out of files and KEY=VALUE options; hep.KEY is of hep.json.

    Raises SettingsError, also for a secret: those go to NVS, by `uhep secrets set`.
    """
    files = {"device": _read(device), "hep": _read(hep)}
    if personality:
        files["device"]["personality"] = personality
    for option in options:
        key, equals, text = option.partition("=")
        if not equals or not key.removeprefix("hep."):
            raise SettingsError(f"--set {option}: KEY=VALUE would be right, as sip_port=5062")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        files["hep" if key.startswith("hep.") else "device"][key.removeprefix("hep.")] = value
    for key, name in SECRETS.items():
        file, _, inner = key.rpartition(".")
        if inner in files[file or "device"]:
            raise SettingsError(
                f"{key} is a secret and does not go into a file: uhep secrets set {name}"
            )
    judge(files["device"], files["hep"])
    return files["device"], files["hep"]


def judge(device: dict[str, Any], hep: dict[str, Any]) -> None:
    """Have the device's own code check both files. Raises SettingsError with what it says."""
    try:
        interpreter = find_micropython()
        find_firmware()
    except SimError as error:
        raise SettingsError(str(error)) from None
    with TemporaryDirectory() as folder:
        Path(folder, "device.json").write_text(json.dumps(device))
        if hep:
            Path(folder, "hep.json").write_text(json.dumps(hep))
        done = subprocess.run(
            [interpreter, "-c", _JUDGE],
            cwd=folder,
            env={**os.environ, "MICROPYPATH": f"{ROOT / 'lib'}:{ROOT / 'firmware'}:.frozen"},
            capture_output=True,
            text=True,
        )
    said = (done.stdout + done.stderr).strip()
    if said or done.returncode:
        raise SettingsError(said or f"the check of the settings ended with {done.returncode}")


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: it must be a JSON object")
    return found
