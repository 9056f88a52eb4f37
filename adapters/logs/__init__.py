"""Logs over several stores: which are configured, and fallback between them."""
