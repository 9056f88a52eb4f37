"""A client side of the Google stand-in: its process, its endpoints, a provider that uses it."""
