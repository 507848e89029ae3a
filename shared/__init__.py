"""Code that the projects share."""
