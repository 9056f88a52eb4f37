"""The runner, with real terraform, and with a scripted one for what the real one cannot do."""
