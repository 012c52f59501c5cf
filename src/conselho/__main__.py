"""What does `python -m conselho` do? The same as `conselho`, which begins here as well.

Ctrl-C while the program is still being read from disk ends it as it ends any other, without a word of Python's.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else the caller wants it ignored
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from conselho.cli.main import main  # takes a while

if __name__ == "__main__":
    main()
