"""Figures beside their baselines, for `make bench`; nothing here is a timed test."""
