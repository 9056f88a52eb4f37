"""Logs in several stores: construction from the settings, fallback between stores."""
