"""The runner as a program; `run.py` says how it is called."""

import os
import sys

# -I and -S leave sys.path without us. The last of four levels: runner, terraform, adapters, root.
sys.path.insert(0, __file__.rsplit("/", 4)[0])

from adapters.terraform.runner import run

# Not sys.exit: everything is written, and taking the interpreter down politely takes 3 ms.
os._exit(run.main(sys.argv[1:]))
