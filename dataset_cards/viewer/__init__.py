"""A dataset as a page to look at: figures, a table of samples, a sample with all that was measured of it."""
