"""Terraform: commands, output, plans, state."""
