"""Google Cloud APIs: preflight, imports, tokens."""
