"""What of people is kept back when a dataset is published."""
