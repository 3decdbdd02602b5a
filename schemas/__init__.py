"""The nouns: what a recipe, a recording, a track, a word and a failure are. No I/O."""
