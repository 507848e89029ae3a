"""Build the image and run it on this machine, under the Runtime Interface Emulator."""
