"""How we touch terraform."""
