"""Check the description of a part of a file: {"bucket", "key", "start", "end", "output"}."""

from __future__ import annotations

from shared.serving.errors import InvalidInput, kind_of
from shared.serving.sources.results import refused_of

MOST_BYTES = 32 * 1024 * 1024  # of an object or a part: more takes too long, not too much memory
LONGEST_KEY = 1024  # bytes, by S3
TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("bucket", "key", "output"), (str,)),
    **dict.fromkeys(("start", "end"), (int,)),
    "etag": (str, type(None)),
    "fresh": (bool, type(None)),
}
NAMES = {str: "text", int: "a whole number", bool: "true or false"}


def check(part: object) -> dict:
    """Return a part as s3_objects.score_part describes it, or raise InvalidInput."""
    if not isinstance(part, dict):
        raise InvalidInput((("score",), f"must be an object, not {kind_of(part)}"))
    problems: list[tuple] = [
        (("score", name), f"must be {NAMES[kinds[0]]}")
        for name, kinds in TYPES.items()
        if type(part.get(name)) not in kinds
    ]
    if problems:
        raise InvalidInput(*problems)
    if not 0 <= part["start"] <= part["end"]:
        problems.append((("score", "start"), "must be between 0 and end"))
    if part["end"] - part["start"] > MOST_BYTES:
        reason = f"has more than {MOST_BYTES:,} bytes: use make score, which cuts it into parts"
        problems.append((("score",), reason))
    if problem := _output_problem(part):
        problems.append((("score", "output"), problem))
    if problems:
        raise InvalidInput(*problems)
    return part


def _output_problem(part: dict) -> str | None:
    """Return why the result cannot be written to `output`."""
    scheme, _, address = part["output"].partition("s3://")
    bucket, _, key = address.partition("/")
    if scheme or not bucket or not key:
        return "must be an address in S3 such as s3://bucket/folder/part.jsonl"
    try:
        is_too_long = len(refused_of(key).encode()) > LONGEST_KEY
    except UnicodeEncodeError:
        return "must be text without lone surrogates"
    if is_too_long:
        return f"has too long a key: S3 takes {LONGEST_KEY:,} bytes, .refused.ndjson included"
    is_input = (bucket, key) == (part["bucket"], part["key"])
    return "must not be the object that is scored" if is_input else None
