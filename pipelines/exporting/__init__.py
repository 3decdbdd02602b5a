"""A published dataset as the files that other tools read."""
