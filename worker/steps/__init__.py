"""One step on its host: its folder, claims, runner process, event log and supervisor."""
