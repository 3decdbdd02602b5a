"""One decode of a recording feeds everything that looks or listens."""
