"""Settings of all tests."""

import signal

from hypothesis import HealthCheck, settings

# Machines differ and are busy: how long an example takes says nothing about whether it holds.
settings.register_profile("affectloom", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("affectloom")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background jobs ignore Ctrl-C, and so would the commands that tests start and stop.
    signal.signal(signal.SIGINT, signal.default_int_handler)
