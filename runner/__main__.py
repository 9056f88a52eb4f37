"""The runner as a program; `run.py` documents the arguments."""

import os
import sys

# -I and -S leave sys.path without the folder that holds this package.
sys.path.insert(0, __file__.rsplit("/", 2)[0])

from runner import run

# Not sys.exit: all files are written, and an orderly interpreter shutdown takes 3 ms.
os._exit(run.main(sys.argv[1:]))
