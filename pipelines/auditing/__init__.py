"""What a program can find wrong with a dataset, ours or anybody's."""
