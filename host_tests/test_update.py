"""Field updates: signed bundles, slots, and flash that loses power at any point of one."""

import http.server
import json
import os
import subprocess
import threading

import pytest
from conftest import ROOT
from uhep_tools.board import bundle
from uhep_tools.board.release import Release
from uhep_tools.certs import Authority
from uhep_tools.tls import server_context

SCRIPT = ROOT / "host_tests/device/update_littlefs.py"


def release(version, arch="x64", **files):
    number = int(version.replace(".", ""))
    made = {
        f"{folder}part{i}.mpy": bytes(
            (number * i + j) % 251 for j in range(300 * i * number % 5000)
        )
        for i, folder in enumerate(["", "", "uhep/", "uhep/", "usip/", "usip/", "", "keys/"])
    }
    made["same.mpy"] = b"the same in both" * 40
    return Release(version, arch, made | files)


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key.pem"
    public = bundle.new_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    return bundle.load_key(path), public


def cut(micropython, folder, cuts, seed, key, bundles, *mistake, whole=True):
    paths = []
    for i, each in enumerate(bundles):
        path = folder / f"{i}.uhep"
        path.write_bytes(each)
        paths.append(str(path))
    done = subprocess.run(
        [micropython, "-X", "heapsize=4M", SCRIPT, str(cuts), str(seed), key, *paths, *mistake],
        env={**os.environ, "MICROPYPATH": f"{ROOT / 'lib'}:.frozen"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert (done.returncode == 0) == whole, done.stdout + done.stderr
    return done.stdout if not whole else json.loads(done.stdout)


VERSIONS = "0.1.0", "0.2.3", "0.3.1"


@pytest.mark.soak
def test_power_cuts(micropython, cases, tmp_path, key):
    """It always boots, always one whole release: 1,000 cuts, at every step of an update."""
    n = cases(36, 1000)
    bundles = [bundle.make(release(v), key[0]) for v in VERSIONS]
    told = cut(micropython, tmp_path, n, 1, key[1], bundles)
    assert told["cuts"] == n and set(told["ran"]) == set(VERSIONS) and all(told["ran"].values())
    assert told["installed"] > n // 3 and told["confirmed"] and told["rolled_back"]
    assert set(told["during"]) == {"install", "switch", "boot", "confirm", "trial"}
    assert all(told["during"].values()) and told["during"]["install"] >= n // 2


def test_a_switch_that_comes_too_early_is_found(micropython, tmp_path):
    """The proof itself: with that mistake a cut leaves a slot that is not whole, and it tells."""
    bundles = [bundle.make(release(v), None) for v in VERSIONS]
    said = cut(micropython, tmp_path, 300, 1, "-", bundles, "early", whole=False)
    assert "is not whole" in said


WORN = """
import sys
import update
taking = update.Update(None, "x64", False)
with open(sys.argv[1], "rb") as file:
    taking.feed(file.read())
while taking.work():
    if taking._lines is not None and not taking._left:
        with open("b/same.mpy", "wb") as file:
            file.write(b"worn")
"""


def test_what_the_flash_does_not_give_back(micropython, device, tmp_path):
    """It was written as it should be, but reads otherwise: not tried."""
    path = tmp_path / "r.uhep"
    path.write_bytes(bundle.make(release("0.2.0"), None))
    done = subprocess.run(
        [micropython, "-c", WORN, path],
        env={**os.environ, "MICROPYPATH": f"{ROOT / 'lib'}:{ROOT / 'firmware'}:.frozen"},
        cwd=device.folder,
        capture_output=True,
        text=True,
    )
    assert "UpdateError: same.mpy has not reached the flash" in done.stdout + done.stderr
    assert (device.folder / "slot").read_text() == "a"
    assert not (device.folder / "b/release.txt").exists()


class Web(http.server.ThreadingHTTPServer):
    """Serves `paths`: {path: (status, headers, body)}."""

    def __init__(self, context=None):
        super().__init__(("127.0.0.1", 0), Answer)
        self.paths = {}
        self.asked = []
        self.tls = context is not None
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        pass  # a device that has seen enough hangs up


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        status, headers, body = self.server.paths.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def web():
    server = Web()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def device(tmp_path, micropython):
    """A device's folder with 0.1.0 in slot a; call it with a URL and a key."""
    folder = tmp_path / "device"
    old = release("0.1.0")
    for path, data in {**old.files, "release.txt": old.manifest}.items():
        file = folder / "a" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    (folder / "slot").write_text("a")

    def look(url, key):
        path = f"{ROOT / 'lib'}:{ROOT / 'firmware'}:.frozen"
        done = subprocess.run(
            [micropython, "-X", "heapsize=192K", SCRIPT.parent / "fetch_update.py", url, key],
            env={**os.environ, "MICROPYPATH": path},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    look.folder = folder
    return look


def slot(folder, name):
    return {
        path.relative_to(folder / name).as_posix(): path.read_bytes()
        for path in (folder / name).rglob("*")
        if path.is_file()
    }


def taken(device, told, new):
    assert told["said"] == f"{new.version} is in its slot" and told["ready"] == new.version
    assert (device.folder / "slot").read_text() == "b a 3"
    assert slot(device.folder, "b") == new.files | {"release.txt": new.manifest}


def test_over_http(device, web, key):
    new = release("0.2.0")
    # What an attempt before has left, stays only where it is the same.
    (device.folder / "b/gone").mkdir(parents=True)
    (device.folder / "b/gone/old.mpy").write_text("old")
    (device.folder / "b/same.mpy").write_bytes(new.files["same.mpy"])
    data = bundle.make(new, key[0])
    assert bundle.signed_by(data, key[1])
    web.paths["/new.uhep"] = 200, {"Content-Length": str(len(data))}, data
    web.paths["/"] = 302, {"Location": "/new.uhep"}, b""
    taken(device, device(web.url, key[1]), new)
    assert web.asked == ["/", "/new.uhep"]
    assert not (device.folder / "b/gone").exists()


def test_where_it_has_moved(device, web, key):
    """Beside, to the root, to another server: and no further than to where a URL is."""
    new = release("0.2.0")
    web.paths["/a/r.uhep"] = 200, {}, bundle.make(new, key[0])
    web.paths["/a/latest?board=x/y"] = 302, {"Location": "r.uhep"}, b""
    web.paths["/"] = 302, {"Location": web.url.replace("http", "HTTP") + "/root"}, b""
    web.paths["/root"] = 302, {"Location": "/a/latest?board=x/y"}, b""
    taken(device, device(web.url, key[1]), new)
    assert web.asked == ["/", "/root", "/a/latest?board=x/y", "/a/r.uhep"]
    (device.folder / "slot").write_text("a")
    for where in "http://user:sesame@h/", "http://[::1]/", "ftp://h/":
        web.paths["/"] = 302, {"Location": where}, b""
        assert "no URL of http://host:port/" in device(web.url, key[1])["said"]
        # And as the URL itself, of a device.json that nobody has checked.
        assert "no URL of http://host:port/" in device(where, key[1])["said"]


FULL = """
import os
import sys
import vfs
from nor import Nor
import crash
import slots
import update

def bundle(n):
    with open(sys.argv[n], "rb") as file:
        return file.read()

def put(name, text):
    with open(name, "w") as file:
        file.write(text)

def fill():
    # All of its blocks.
    try:
        for n in range(64):
            put("junk/%d" % n, "x" * 4000)
    except OSError:
        pass

def take(data, halfway=None):
    taking = update.Update(None, "x64")
    try:
        for at in range(0, len(data), 512):
            if at > 8192 and halfway:
                halfway()
                halfway = None
            taking.feed(data[at : at + 512])
            while taking.work():
                pass
    except Exception as error:
        print(repr(error))
    taking.close()
    return taking.done

old, new, large = bundle(1), bundle(2), bundle(3)
flash = Nor(blocks=72)
vfs.VfsLfs2.mkfs(flash, readsize=32, progsize=32, lookahead=32)
vfs.mount(vfs.VfsLfs2(flash, readsize=32, progsize=32, lookahead=32), "/flash")
os.chdir("/flash")
put("slot", "b")
os.mkdir("junk")
assert take(old)
put("slot", "a")
# One that does not fit is not begun.
assert not take(large)
assert os.listdir("a") and "b" not in os.listdir()
# Nor one that fits, if the room goes meanwhile: then its part goes too.
assert not take(new, fill)
assert os.listdir("b") == [] and slots.state() == ("a", "b", None)
for name in os.listdir("junk"):
    os.remove("junk/" + name)
assert take(new)
# Over what is there, which is larger than what is free.
put("slot", "a")
free = os.statvfs(".")[3]
assert take(new.replace(b"version 0.2.0", b"version 0.3.0"))
print("free", free)
# Crashes count where there is no room for their text.
fill()
for n in range(3):
    crash.note("x" * 1400)
assert crash.count() == 3
print("all")
"""


def test_a_flash_that_is_full(micropython, tmp_path):
    """An update that does not fit changes nothing, and a crash is counted all the same."""
    for i, (version, n) in enumerate([("0.1.0", 16), ("0.2.0", 20), ("0.9.0", 60)]):
        files = {f"part{j}.mpy": bytes([i]) * 4000 for j in range(n)}
        (tmp_path / f"{i}").write_bytes(bundle.make(Release(version, "x64", files), None))
    paths = ":".join(str(ROOT / each) for each in ("lib", "firmware", "host_tests/device"))
    done = subprocess.run(
        [micropython, "-X", "heapsize=4M", "-c", FULL, *(tmp_path / each for each in "012")],
        env={"MICROPYPATH": f"{paths}:.frozen"},
        capture_output=True,
        text=True,
    )
    said = done.stdout.splitlines()
    assert said[-1:] == ["all"], done.stdout + done.stderr
    assert "UpdateError('it takes 60 blocks of flash, " in said[0]
    assert int(said[2].split()[1]) < 16 + 20


def test_over_https_without_a_length(device, key, tmp_path):
    files = Authority().issue("127.0.0.1").write(tmp_path, "web")
    web = Web(server_context(*files))
    new = release("0.1.1")
    web.paths["/r"] = 200, {}, bundle.make(new, key[0])
    try:
        taken(device, device(web.url + "/r", key[1]), new)
    finally:
        web.shutdown()
        web.server_close()


WRONG = "a line of the manifest is wrong"


def changed(data, at, octet=b"#"):
    return data[:at] + octet + data[at + 1 :]


def test_what_is_not_taken(device, web, key, tmp_path):
    """Each is told, and the device runs on as it was."""
    bundle.new_key(tmp_path / "other.pem")
    other = bundle.load_key(tmp_path / "other.pem")
    new = release("0.2.0")
    good = bundle.make(new, key[0])
    head = good.index(b"\n") + 1
    wide = {"x" * 300 + ".mpy": b"1"}
    for data, said in (
        (bundle.make(new, other), "the signature is not by update_key"),
        (bundle.make(new, None), "the signature is not by update_key"),
        (changed(good, head + 23), "the signature is not by update_key"),
        (changed(good, 20, b"0" if good[20] != 48 else b"1"), "signature is not"),
        (changed(good, 20), "non-hex digit"),
        (changed(good, len(good) - 1), "is damaged: its SHA-256 is another"),
        (good[:-1], "the bundle ends too early"),
        (good + b"1", "longer than its manifest"),
        (b"<html>" * 100, "this is no release bundle"),
        (b"UHEP1 99999 ab\n", "the manifest has 99999 octets"),
        (b"", "the bundle ends too early"),
        (bundle.make(release("0.2.0", "xtensawin"), key[0]), "this device is x64"),
        (bundle.make(release("0.2.0", **{"../x.mpy": b""}), key[0]), WRONG),
        (bundle.make(release("0.2.0", **{"/x.mpy": b""}), key[0]), WRONG),
        (bundle.make(release("0.2.0", **{"release.txt": b""}), key[0]), WRONG),
        (bundle.make(release("0.2.0", **wide), key[0]), ": 36"),  # ENAMETOOLONG
    ):  # fmt: skip
        web.paths["/r"] = 200, {}, data
        told = device(web.url + "/r", key[1])
        assert said in told["said"] and told["ready"] is None, told
        assert (device.folder / "slot").read_text() == "a"
        assert not (device.folder / "b/release.txt").exists()
    assert "404" in device(web.url + "/none", key[1])["said"]
    web.paths["/c"] = 200, {"Content-Length": str(len(good) + 9)}, good[:-9]
    assert "closed too early" in device(web.url + "/c", key[1])["said"]
    web.paths["/round"] = 301, {"Location": "/round"}, b""
    assert "in circles" in device(web.url + "/round", key[1])["said"]
    web.paths["/r"] = 200, {}, good
    taken(device, device(web.url + "/r", key[1]), new)


def test_what_is_not_newer_is_left_alone(device, web, key):
    for version in "0.1.0", "0.0.9":
        web.paths["/r"] = 200, {}, bundle.make(release(version), key[0])
        told = device(web.url + "/r", key[1])
        assert told["said"] == "" and told["ready"] is None
        assert not (device.folder / "b").exists()
    # Nor what has failed before; but the next one.
    web.paths["/r"] = 200, {}, bundle.make(release("0.2.0"), key[0])
    taken(device, device(web.url + "/r", key[1]), release("0.2.0"))
    (device.folder / "slot").write_text("a b")
    assert device(web.url + "/r", key[1])["ready"] is None
    web.paths["/r"] = 200, {}, bundle.make(release("0.2.1"), key[0])
    taken(device, device(web.url + "/r", key[1]), release("0.2.1"))


def test_while_on_trial_it_is_left_alone(device, web, key):
    """The other slot is what it goes back to."""
    web.paths["/"] = 200, {}, bundle.make(release("0.2.0"), key[0])
    (device.folder / "slot").write_text("a b 2")
    assert device(web.url, key[1])["ready"] is None and web.asked == []
    (device.folder / "slot").write_text("a")
    taken(device, device(web.url, key[1]), release("0.2.0"))


def test_keys(tmp_path):
    path = tmp_path / "k.pem"
    public = bundle.new_key(path)
    assert bundle.public(bundle.load_key(path)) == public and len(public) == 64
    with pytest.raises(bundle.BundleError, match="is there already"):
        bundle.new_key(path)
    with pytest.raises(bundle.BundleError, match="no private key"):
        bundle.load_key(ROOT / "LICENSE")
    with pytest.raises(bundle.BundleError, match="uhep release --new-key makes one"):
        bundle.load_key(tmp_path / "none")
    other = bundle.new_key(tmp_path / "o.pem")
    data = bundle.make(release("0.1.0"), bundle.load_key(path))
    assert bundle.signed_by(data, public) and not bundle.signed_by(data, other)
