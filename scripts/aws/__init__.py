"""Deploy to AWS, or to a local AWS: account, image, stack, alias, events, logs, bulk scoring,
deletion.
"""
