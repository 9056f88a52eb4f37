"""What the pure values and rules promise."""
