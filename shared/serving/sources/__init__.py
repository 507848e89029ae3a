"""The event sources, a module each: it detects an event, and responds to it."""
