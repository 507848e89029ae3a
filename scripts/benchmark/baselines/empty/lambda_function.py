"""The floor of all Python functions: a handler that imports nothing."""


def lambda_handler(event: object, context: object) -> object:
    """Return an empty response."""
    return {}
