"""The people: questions, raters, agreement."""
