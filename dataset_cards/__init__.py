"""What a reader of a published dataset sees."""
