"""Files of this machine: event files, artifacts, progress, keys."""
