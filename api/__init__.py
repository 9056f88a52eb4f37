"""The HTTP API: routes, pages and live streams."""
