"""Settings of the property tests."""

from hypothesis import HealthCheck, settings

# Machines differ and are busy: how long an example takes says nothing about whether it holds.
settings.register_profile("affectloom", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("affectloom")
