"""Request guard, strict JSON, ETags."""
