"""What is done with given work."""
