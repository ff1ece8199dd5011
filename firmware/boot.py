"""What comes before anything else: the heap's habits."""

import gc

import micropython

# Room for a traceback when there is no memory left to make one; the unix port has none to set.
if hasattr(micropython, "alloc_emergency_exception_buf"):
    micropython.alloc_emergency_exception_buf(100)

# Collect early and often: a heap that is never allowed to fill is collected in a millisecond,
# and does not grow into the memory that Wi-Fi needs.
gc.collect()
gc.threshold(gc.mem_free() // 4)
