"""Logs in several stores: fallback between sources."""
