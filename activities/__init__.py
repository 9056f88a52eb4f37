"""Temporal activities, safe to repeat and to cancel."""
