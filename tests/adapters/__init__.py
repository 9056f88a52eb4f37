"""Each adapter against the real thing."""
