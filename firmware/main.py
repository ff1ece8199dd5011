"""Starts the device, and starts it again after a crash. No update changes this file.

What it does is in start.py, which belongs to the release; here is only what must work when
that does not. Ctrl-C ends in the REPL. In the emulator a crash ends the process.
"""

import sys
import time

try:
    try:
        import start

        start.run()
    except Exception as error:
        sys.print_exception(error)
        try:
            import crash

            crash.keep(error)
        except Exception as again:
            sys.print_exception(again)
        try:
            from machine import reset
        except ImportError:
            sys.exit(1)  # it has been told
        print("main: starting again in 5 s; Ctrl-C: not")
        time.sleep(5)
        reset()
except KeyboardInterrupt:
    try:
        import port

        port.at_console()
    except ImportError:
        pass
