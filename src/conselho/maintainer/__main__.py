"""`python -P -m conselho.maintainer`."""

import sys

from conselho.maintainer import program

if __name__ == "__main__":
    sys.exit(program.main())
