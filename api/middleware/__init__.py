"""What every request passes: guard, strict JSON, ETag."""
