"""Recordings that affectloom makes itself, for the demo and for tests. README.md says what is known of them."""
