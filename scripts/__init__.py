"""What a make target does when it is more than a line."""
