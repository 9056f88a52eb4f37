"""A stand-in for Google's APIs, for tests and trials without an account."""
