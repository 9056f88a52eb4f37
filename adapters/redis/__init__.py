"""Redis Streams: the log."""
