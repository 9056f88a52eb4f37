"""What holds for every test."""

import signal

from hypothesis import HealthCheck, settings

# How long an example takes is the machine's business (timings belong to `make bench`), and so is a
# report of what was found that is larger than somebody likes.
settings.register_profile("anava", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anava")

# A shell starts a background job with SIGINT ignored, and every child inherits that: a test of
# Ctrl-C would wait in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
