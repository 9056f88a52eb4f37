"""State backends, state locks and `errored.tfstate`."""
