"""What gets deployed: the template as text, against the provider's schema, on the real provider."""
