"""What the world may ask: the HTTP API."""
