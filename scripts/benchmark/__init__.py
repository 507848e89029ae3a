"""Compare images: start-up time, size, latency, memory, cost."""
