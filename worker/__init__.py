"""What a worker process does by itself: supervise steps, ship logs, mirror status."""
