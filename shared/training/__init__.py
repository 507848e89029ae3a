"""Data, parity check and metadata: used on a developer's machine, never in an image."""
