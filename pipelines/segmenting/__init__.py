"""Where samples begin and end, and what belongs to each."""
