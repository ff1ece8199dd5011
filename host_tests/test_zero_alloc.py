"""No allocation per packet, by three instruments, on each interpreter (device/alloc_proof.py)."""

import json
import re
import subprocess

import pytest
from conftest import ROOT
from test_interpreters import unix, wasm

# Bytecode frames over 11 words come from the heap on each call (py/objfunc.c). These
# functions run when a thing is made, or when something has gone wrong.
MAY_BE_LARGE = {
    "agent.py": {"<module>", "__init__", "flow"},
    "clock.py": {"set"},
    "flow.py": {"address", "__init__", "<listcomp>"},
    "link.py": {"_socket"},
    "tcp.py": {"_connect", "failed"},
    "tls.py": {"__init__", "<listcomp>", "der", "context"},
    "collectors.py": {"make", "<listcomp>"},
    "dns.py": {"resolve", "find", "_ask", "_answer"},
    "filter.py": {"<module>", "__init__", "<listcomp>"},
    "framer.py": {"<module>"},
    "chunks.py": {"optional"},
    "copy.py": {"__init__", "_date"},
    "late.py": {"date_back"},
    "trigger.py": {"<listcomp>"},
    "redact.py": {"<module>", "__init__"},
    "port.py": {"<module>"},
    "ring.py": {"__init__"},
    "status.py": {"__init__"},
    "rtcp.py": {"__init__", "flow"},
    "rtcpmore.py": {"<listcomp>"},
    "voice.py": {"__init__"},
    "qosjson.py": {"_of"},
    "vqtext.py": {"xrtpstat", "_body", "_local", "_time"},
    "spool.py": {"<listcomp>", "put", "store", "_recover"},
    "blocks.py": {"slots", "read", "write", "remove"},
    "stats.py": {"__init__"},
    "stream.py": {"tap", "tap_streams", "_told", "__init__", "_connected"},
    "tap.py": {"__init__", "__getattr__", "_new", "_other", "_route"},
    "tapmore.py": {"recvfrom_into", "_moves"},
}


GUARDED = ("everything_over_tcp", "everything_over_tls_but_for_the_library", "redacted")
BAD = ("bad_object", "bad_guard", "bad_write")


def found_by(output):
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert lines and "native" in lines[-1], output
    return {c["case"]: c for c in lines[:-1]}, lines[-1]["native"]


def check(found, instruments):
    good = [case for name, case in found.items() if not name.startswith("bad")]
    assert len(good) >= 50 and set(GUARDED) < set(found)
    asking = "asked" in instruments
    for case in good:
        assert case["lock"] == "ok", case
        assert case["net"] == 0, case
        assert case["asked"] == (0 if asking else None), case
    # The instruments do see what there is to see: each has something that it alone finds.
    for name in BAD:
        bad = found[name]
        assert bad["lock"] == "MemoryError" and bad["net"] > 0, bad
        assert not asking or bad["asked"] > 0
    raised, rarely = found["bad_raise"], found["bad_rarely"]
    assert raised["lock"] == "ok" and raised["net"] > 0 and rarely["net"] > 0
    if asking:
        frame = found["bad_frame"]
        assert frame["asked"] > 0 and frame["lock"] == "ok" and frame["net"] == 0


@pytest.mark.soak
def test_machine_code(micropython, cases):
    found, native = found_by(unix(micropython, "alloc_proof.py", str(cases(200, 2000))))
    assert native
    assert "real_socket" in found
    check(found, ("lock", "net", "asked"))


@pytest.mark.soak
def test_bytecode(micropython, cases):
    found, native = found_by(unix(micropython, "alloc_proof.py", str(cases(200, 2000)), "plain"))
    assert not native
    check(found, ("lock", "net", "asked"))


@pytest.mark.soak
@pytest.mark.peer("wasm")
def test_32_bit(cases):
    """Frames are not on the heap of this build, and it collects no garbage while a script
    runs: what is asked for stays, and `net` counts all of it."""
    found, native = found_by(wasm("alloc_proof.py", str(cases(100, 1000))))
    assert not native
    check(found, ("lock", "net"))
    big = found["bad_big_int"]  # 2^30 is an object here, as on an ESP32
    assert big["lock"] == "MemoryError" and big["net"] > 0


def frames(micropython, path, *modules):
    """[(file, function, words)] of all bytecode of these modules, found on `path`."""
    out = subprocess.run(
        [micropython, "-v", "-v", "-c", "import " + ", ".join(modules)],
        env={"MICROPYPATH": f"{path}:.frozen"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=True,
    )
    pattern = r"File (\S+), code block '(\S+)'.*?\(N_STATE (\d+)\)\n\(N_EXC_STACK (\d+)\)"
    return [
        (m[1].rpartition("/")[2], m[2], int(m[3]) + 3 * int(m[4]))
        for m in re.finditer(pattern, out.stdout + out.stderr, re.DOTALL)
    ]


def test_frames_fit_the_stack(micropython):
    names = ["agent", "ring", "clock", "link", "flow", "tap", "aio", "_plain", "outage", "spool"]
    names += ["tcp", "tls", "collectors", "dns", "status", "gap", "logline", "copy", "late"]
    names += ["standin", "stream", "framer", "lines", "move", "guard", "stats"]
    names += ["redact", "secrets", "words", "trigger"]
    names += ["filter", "rollsum"]
    names += ["rtpstats", "jitter", "bursts", "jsontext"]
    names += ["rtcp", "rtcpcheck", "rtcpjson", "rtcpmore", "rtcpasterisk", "rtcppeer"]
    names += ["voice", "qosjson", "emodel", "vqtext", "ends"]
    found = frames(micropython, ROOT / "lib", *[f"uhep.{n}" for n in names])
    assert {f"{n}.py" for n in names} <= {file for file, _, _ in found}
    large = {(file, name) for file, name, words in found if words > 11}
    assert large <= {(file, name) for file, names in MAY_BE_LARGE.items() for name in names}


# Of the RTP path of usip: what is imported or makes a Stream, once, or sends a BYE.
USIP_MAY_BE_LARGE = {("rtp.py", "__init__"), ("rtp.py", "<module>"), ("rtcp.py", "<module>")}
USIP_MAY_BE_LARGE |= {("g711.py", "<module>")}
USIP_MAY_BE_LARGE |= {("rtcp.py", "__init__"), ("rtcp.py", "<dictcomp>")}


def test_frames_of_the_rtp_path_fit_the_stack(micropython):
    names = [
        "rtp",
        "rtcp",
        "wall",
        "sender",
        "events",
        "playout",
        "tones",
        "audio",
        "g711",
        "_plain",
    ]
    found = frames(micropython, ROOT / "lib", *[f"usip.{n}" for n in names])
    ours = [one for one in found if one[0] in {f"{n}.py" for n in names}]
    assert {f"{n}.py" for n in names} <= {file for file, _, _ in ours}
    assert {(file, name) for file, name, words in ours if words > 11} <= USIP_MAY_BE_LARGE


def test_a_large_frame_is_seen(micropython, tmp_path):
    (tmp_path / "wide.py").write_text(
        "def wide(a, b, c, d, e, f, g, h, i, j):\n    return a + b\ndef narrow(a):\n    return a\n"
    )
    found = {name: words for _, name, words in frames(micropython, tmp_path, "wide")}
    assert found["wide"] == 12 and found["narrow"] <= 11
