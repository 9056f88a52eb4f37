"""The runner: one small process per step, which owns terraform and outlives its worker.

Its start-up time delays a customer three times per deployment. Measured (Python 3.11, median of
60): a bare interpreter starts in 12 ms, with `os`, `fcntl` and `time` in 15 ms; `ctypes` adds 3 ms,
`signal` 7 ms, `json` 9 ms. Therefore:

- modules import only cheap standard modules at the top: no `json`, `signal`, `typing`,
  `dataclasses`, `enum`, `re`, `pathlib`;
- functions that run after the start of terraform import the expensive modules themselves;
- all modules of the runner are loaded before terraform starts, since an upgrade may replace files;
- no other package of this repository is imported: the runner of one release and the worker of the
  next release share only the files of the step (`step_files.py`).
"""
