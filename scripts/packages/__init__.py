"""Virtual environments, the packages in them, and the files that lock their versions and hashes."""
