"""Live streams: Server-Sent Events and WebSocket."""
