"""`python -m amp_theory` is the command line `amp-theory`."""

import sys

from amp_theory.interface.cli import main

if __name__ == "__main__":
    sys.exit(main())
