"""Temporal workflows: the order of a deployment's work, deterministic."""
