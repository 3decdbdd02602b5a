"""From a finished store to a dataset that others load."""
