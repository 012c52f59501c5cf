"""How does a shim start quickly? Python compiles the file that it is given anew each time, so this one is short.

What it imports comes compiled from the cache: that is a quarter of what starting a shim costs.
"""

# pathlib costs more to import than everything the shim does.
# ruff: noqa: PTH100, PTH120

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # -I leaves it out

from conselho.worker import shim

if __name__ == "__main__":
    shim.main(sys.argv[1:])
    os._exit(0)  # nothing to tidy up: the lock is let go here
