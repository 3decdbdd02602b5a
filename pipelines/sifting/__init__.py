"""Sifting: which recordings are copies of others, and which are not good enough to be published."""
