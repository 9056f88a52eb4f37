"""The `anava` command: an HTTP client, and the launcher for one machine."""
