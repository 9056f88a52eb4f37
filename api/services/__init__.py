"""What the routes call: deployments, logs, plans, health."""
