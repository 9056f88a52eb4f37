"""The runner as a program; `run.py` says how it is called."""

import os
import sys

# -I and -S leave sys.path without the folder that holds this package.
sys.path.insert(0, __file__.rsplit("/", 2)[0])

from runner import run

# Not sys.exit: everything is written, and taking the interpreter down politely takes 3 ms.
os._exit(run.main(sys.argv[1:]))
