"""`python -m gpukeras.distributed -n 2 script.py`."""

import sys

from .launch import main

if __name__ == "__main__":
    sys.exit(main())
