"""How does a shim start quickly? Python compiles the file that it is given anew each time, so this one is short.

What it imports comes compiled from the cache, and what need not be looked for is put in its place: the two packages,
which hold nothing but folders, and `__future__`, which the compiler has heard already.
"""

import posix  # without what os would load as well
import sys

HERE = __file__.rpartition("/")[0]
for name, folder in (("conselho", HERE.rpartition("/")[0]), ("conselho.worker", HERE), ("__future__", "")):
    sys.modules[name] = type(sys)(name)
    sys.modules[name].__path__ = [folder]
sys.modules["__future__"].annotations = None  # type: ignore[attr-defined]

from conselho.worker import shim  # noqa: E402

if __name__ == "__main__":
    shim.main(sys.argv[1:])
    posix._exit(0)  # nothing to tidy up: the lock is let go here
