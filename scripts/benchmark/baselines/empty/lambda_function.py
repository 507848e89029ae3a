"""The floor of all Python functions: a handler that imports nothing."""


def lambda_handler(event, context):
    """Nothing."""
    return {}
