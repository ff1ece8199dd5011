"""Standard output that can not be written."""

import os
import sys


def unwritable(error: OSError) -> str:
    """The sentence about it, or about the file that the error names.

    What waits to be written to standard output is given up: it would fail once more at the end.
    """
    if error.filename:
        return f"{error.filename}: {error.strerror}"
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return f"standard output: {error.strerror}"
