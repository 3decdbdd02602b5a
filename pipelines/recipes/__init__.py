"""Recipes to start from, one for each kind of dataset in the literature: a folder each, with nothing but data."""
