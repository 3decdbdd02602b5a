"""Corpora that exist already, as tables that the rest of the program knows."""
