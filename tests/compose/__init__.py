"""`make test-compose`: the containers for real. Not collected by pytest: it takes minutes."""
