"""The packages of mip: which files each has. `python -m uhep_tools.board.packages` renews them.

uhep alone, uhep with voice quality, and usip: each a JSON file that `mpremote mip install` takes
from a clone or from a repository.
"""

import ast
import functools
import json
from pathlib import Path

from uhep_tools import __version__
from uhep_tools.board.release import NOT_FOR_BOARDS
from uhep_tools.sim import ROOT

# What a module's name begins with that is only there for voice quality.
_QUALITY = ("bursts", "emodel", "jitter", "qos", "rtcp", "rtp", "voice", "vq")


def modules(package: str) -> list[str]:
    """The files of a package in lib/ that go onto boards, as uhep/agent.py."""
    found = (path.relative_to(ROOT / "lib").as_posix() for path in _tree(package))
    return sorted(name for name in found if name not in NOT_FOR_BOARDS)


def quality() -> list[str]:
    """Of those of uhep: what only voice quality needs."""
    names = modules("uhep")
    own = [name for name in names if name.partition("/")[2].startswith(_QUALITY)]
    rest = _reached([name for name in names if name not in own and not _only_for(name, own)])
    return [name for name in _reached(own) if name not in rest]


def _only_for(name: str, own: list[str]) -> bool:
    # A module that modules of `own` import, and no other does.
    users = {each for each in modules("uhep") if name in imports(each)}
    return bool(users) and users <= set(own)


def _reached(names: list[str]) -> list[str]:
    found, todo = set(), list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += imports(name)
    return sorted(found)


@functools.cache
def imports(name: str) -> list[str]:
    """The modules of uhep that a module imports, be it later, in a function."""
    found = []
    for node in ast.walk(ast.parse((ROOT / "lib" / name).read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("uhep"):
            path = node.module.replace(".", "/")
            found.append(f"{path}.py" if "/" in path else "uhep/__init__.py")
            found += [f"{path}/{alias.name}.py" for alias in node.names]
    return [each for each in found if (ROOT / "lib" / each).exists()]


def _tree(package: str) -> list[Path]:
    return sorted((ROOT / "lib" / package).rglob("*.py"))


def packages() -> dict[str, dict]:
    """File below the root -> what has to be in it."""
    every, only = modules("uhep"), quality()
    return {
        "package.json": _package(
            "uhep",
            "HEP v3 capture agent for embedded SIP devices",
            [(name, f"lib/{name}") for name in every if name not in only],
        ),
        "package-quality.json": _package(
            "uhep-quality",
            "uhep with voice quality: RTCP and RTP statistics, MOS, reports",
            [(name, f"lib/{name}") for name in every],
        ),
        "lib/usip/package.json": _package(
            "usip",
            "A SIP user agent for prototypes; it needs uhep beside it",
            [(name, name.partition("/")[2]) for name in modules("usip")],
        ),
    }


def _package(name: str, description: str, urls: list[tuple[str, str]]) -> dict:
    return {
        "name": name,
        "version": __version__,
        "description": description,
        "license": "MIT",
        "urls": [list(each) for each in urls],
        "deps": [],
    }


def text(package: dict) -> str:
    """As it stands in the file."""
    return json.dumps(package, indent=2) + "\n"


def main() -> None:
    for name, package in packages().items():
        (ROOT / name).write_text(text(package))
        print(f"{name}: {len(package['urls'])} files")


if __name__ == "__main__":
    main()
