"""The scripts of the make targets that do more than a line."""
