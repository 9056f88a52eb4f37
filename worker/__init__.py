"""The work of a worker process besides activities: supervise steps, ship logs, mirror status."""
