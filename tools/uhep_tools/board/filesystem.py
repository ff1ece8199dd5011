"""The file system of a board as an image: littlefs as MicroPython's ESP32 port makes it."""

from littlefs import LittleFS, LittleFSError

BLOCK = 4096
_NO_SPACE = -28


class FilesystemError(Exception):
    """Files that do not fit; the text has the numbers."""


def build(files: dict[str, bytes], size: int) -> tuple[bytes, int]:
    """(image, blocks in use) of a partition of `size` octets. Raises FilesystemError.

    The number of blocks is exactly the partition's: the port mounts no other. The same files
    give the same octets.
    """
    flash = _open(size)
    try:
        made = set()
        for path, data in sorted(files.items()):
            folder = path.rpartition("/")[0]
            if folder and folder not in made:
                flash.makedirs(folder, exist_ok=True)
                made.add(folder)
            with flash.open(path, "wb") as file:
                file.write(data)
    except LittleFSError as error:
        if error.code != _NO_SPACE:
            raise
        total = sum(map(len, files.values()))
        raise FilesystemError(
            f"{len(files)} files of {total:,} octets do not fit into {size:,} octets, "
            f"{size // BLOCK} blocks of {BLOCK}"
        ) from None
    return bytes(flash.context.buffer), flash.used_block_count


def read(image: bytes) -> dict[str, bytes]:
    """All files of an image: path -> content. Raises LittleFSError."""
    flash = _open(len(image), mount=False)
    flash.context.buffer = bytearray(image)
    flash.mount()
    found = {}
    for folder, _, names in flash.walk("/"):
        for name in names:
            path = f"{folder}/{name}".strip("/")
            with flash.open(path, "rb") as file:
                found[path.replace("//", "/")] = file.read()
    return found


def _open(size: int, **options) -> LittleFS:
    return LittleFS(
        block_size=BLOCK,
        block_count=size // BLOCK,
        prog_size=256,
        read_size=32,
        name_max=255,
        disk_version=0x00020000,
        **options,
    )
