"""How the interpreter is set in a process that runs the system."""

import gc
import sys

#: Allocations before a young collection; a batch of 500 orders makes garbage by the ten thousand.
GC_THRESHOLD_OBJECTS = 50_000
#: How long a computing thread keeps another waiting: a store's thread needs the interpreter for
#: moments only, and Python's own 5 ms would be longer than its commit.
SWITCH_INTERVAL_S = 0.0005


def tune_process() -> None:
    """Called once all is started: what lives by now lives on, and need not be looked at again."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD_OBJECTS, 20, 50)
