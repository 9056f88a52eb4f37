"""What a workflow may do to the world: activities that are safe to repeat and to cancel."""
