"""Redacted plans."""
