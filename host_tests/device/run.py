"""Runs one file of device tests under MicroPython: micropython run.py test_name [plain]

Prints one line a test, `PASS name` or `FAIL name`, each FAIL after its traceback.
pytest reads these lines (test_device.py); a person can as well. "plain" takes the agent's hot
path in bytecode, not as machine code.
"""

import gc
import sys

sys.path.insert(0, __file__.rpartition("/")[0])
if "plain" in sys.argv[2:]:
    # Modules without names: what is imported from them fails.
    sys.modules["uhep._native"] = sys.modules["uhep._lines"] = object()
    sys.modules["uhep._hash"] = sys.modules["uhep._secrets"] = sys.modules["uhep._lines"]

module = __import__(sys.argv[1])
for name in sorted(dir(module)):
    if not name.startswith("test_"):
        continue
    gc.collect()
    try:
        getattr(module, name)()
    except Exception as error:
        sys.print_exception(error)
        print("FAIL", name)
    else:
        print("PASS", name)
