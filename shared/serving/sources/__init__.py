"""The event sources, a module each: it detects an event, and responds to it."""

# typing.TYPE_CHECKING for these modules: the import of typing would take 2 ms of a cold start.
TYPE_CHECKING = False
