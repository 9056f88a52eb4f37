"""The tests: one folder per room, and scenarios, faults, architecture."""
