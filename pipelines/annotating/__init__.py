"""Samples to raters and their answers back, on the command line and against a real Label Studio."""
