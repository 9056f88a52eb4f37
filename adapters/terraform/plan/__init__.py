"""Plan files as redacted reports."""
