"""The whole Anava stack applied with Google's provider on the stand-in (`make test-stack`)."""
