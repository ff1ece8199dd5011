"""A process that ends when this one does, however that ends."""

import fcntl
import os
import subprocess


class Bound(subprocess.Popen):
    """A subprocess.Popen that the kernel ends once we are gone, by SIGKILL too.

    It holds one end of a pipe, to which the other can only be closed: then it gets SIGIO, which
    ends what does not expect it. lifeline: our end, to be closed when the process has ended.
    """

    def __init__(self, command: list[str], **options):
        end, ours = os.pipe()
        self.lifeline = open(ours, "wb")  # noqa: SIM115
        try:
            super().__init__(command, pass_fds=[end], **options)
            fcntl.fcntl(end, fcntl.F_SETOWN, self.pid)
            fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)
        except OSError:
            self.lifeline.close()
            raise
        finally:
            os.close(end)
