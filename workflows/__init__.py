"""What must happen, and in what order: Temporal workflows, deterministic."""
