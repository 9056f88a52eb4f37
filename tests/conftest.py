"""What holds for every test."""

from hypothesis import HealthCheck, settings

# How long an example takes is the machine's business (timings belong to `make bench`), and so is a
# report of what was found that is larger than somebody likes.
settings.register_profile("anava", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anava")
