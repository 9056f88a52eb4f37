"""How we touch each outside thing."""
