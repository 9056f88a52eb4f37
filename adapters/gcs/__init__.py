"""Cloud Storage: logs, artifacts, signed links."""
