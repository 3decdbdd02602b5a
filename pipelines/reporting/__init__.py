"""What is told of builds: while they go on, after them, and before them."""
