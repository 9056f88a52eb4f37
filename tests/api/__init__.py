"""The HTTP API, in front of a real Temporal dev server."""
