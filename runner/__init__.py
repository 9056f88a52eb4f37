"""The runner: one tiny process per step, which owns terraform and outlives its worker.

Everything that the runner imports before it starts terraform is time a customer waits, three times
a deployment. Measured (Python 3.11, median of 60): a bare interpreter 12 ms, with `os`, `fcntl` and
`time` 15, and on top of that `ctypes` 3, `signal` 7, `json` 9. Hence the habits of this package:

- its own modules import only cheap standard ones at their top; no `json`, `signal`, `typing`,
  `dataclasses`, `enum`, `re`, `pathlib`;
- what is dear is imported inside the functions that run after terraform was started;
- its own modules are all loaded before terraform starts, since an upgrade may swap the files;
- nothing else of ours is imported: the runner of one release meets the worker of the next one
  only through the files of the step (`step_files.py`).
"""
