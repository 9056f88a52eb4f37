"""The log on standard output, as Cloud Logging reads it."""
