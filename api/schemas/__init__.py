"""Bodies of requests and responses, written by hand so that no internal field leaks by default."""
