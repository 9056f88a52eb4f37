"""Terraform: what it prints, and who runs it."""
