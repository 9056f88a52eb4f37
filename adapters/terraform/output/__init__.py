"""Terraform's machine-readable output as typed messages and log events."""
