"""What stays on the developer's machine: data, the parity check, the model card."""
