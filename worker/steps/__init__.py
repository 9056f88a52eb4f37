"""A step on this host: folder, claims, runner, output and supervisor."""
