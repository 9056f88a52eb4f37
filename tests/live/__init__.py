"""`make test-live`: a deployment, a redeployment and a destroy in a real project, with a report."""
