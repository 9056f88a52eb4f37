"""The log on standard output, in the format of Cloud Logging."""
