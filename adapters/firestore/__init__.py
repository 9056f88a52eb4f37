"""Firestore: the log and the status mirror."""
