"""Temporal: connection, executions, activity attempts."""
