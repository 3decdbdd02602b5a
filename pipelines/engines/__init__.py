"""The engines: each runs the same steps over recording ids."""
