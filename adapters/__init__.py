"""Connections to the outside: terraform, Google, Temporal, log stores, local files."""
