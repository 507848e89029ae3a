"""JSON from a caller, with bounds on its structure, and to a caller, with bounds on its size."""

from __future__ import annotations

import json

from shared.serving.errors import InvalidInput

# In one text; 10,000 rows have 20,004. A list takes up to 44 times the memory of its brackets.
MOST_BRACKETS = 200_000
MOST_RESPONSE_BYTES = 6_291_556  # of what the function returns, as JSON: Lambda's limit
DEEPEST = 32  # brackets in brackets; a request of rows has 3
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_SQUARE = bytes.maketrans(b"{}", b"[]")


def parse(text: object) -> object:
    """Parse JSON text or bytes.

    Raises InvalidInput for text that is not JSON, including NaN and Infinity. Also for text with
    more brackets, or deeper nesting, than any request needs: a few megabytes of brackets would
    take all of a small function's memory.
    """
    try:
        text = text.decode() if isinstance(text, bytes) else text
        if not isinstance(text, str):
            raise InvalidInput(((), "must be JSON text"))
        if len(text) > 2 * DEEPEST:  # a shorter one cannot have too many
            _check_brackets(text.encode("utf-8", "surrogatepass"))
        return _decode(text)
    # json raises RecursionError for deep nesting, and a plain ValueError for very long numbers.
    except (ValueError, RecursionError) as error:
        where = ""
        if isinstance(error, json.JSONDecodeError):
            where = f" at line {error.lineno}, column {error.colno}"
        raise InvalidInput(((), f"is not valid JSON{where}")) from None


def check_size(response: dict) -> dict:
    """Return a response that Lambda can carry, or raise InvalidInput.

    Lambda's runtime client writes UTF-8; ASCII, as here, is never shorter.
    """
    require_size(len(json.dumps(response, allow_nan=False)))
    return response


def require_size(size: int, most: int = MOST_RESPONSE_BYTES) -> None:
    """Raise InvalidInput if a response of this size in bytes is too large for its caller."""
    if size > most:
        reason = f"has a response larger than {most:,} bytes: send fewer rows"
        raise InvalidInput(((), reason), status=413)


def _check_brackets(data: bytes) -> None:
    """Raise InvalidInput for JSON with too many brackets, or nested too deep."""
    brackets = len(data.translate(None, _NO_BRACKETS))
    if brackets > MOST_BRACKETS:
        reason = f"has {brackets:,} brackets, more than {MOST_BRACKETS:,}"
        raise InvalidInput(((), reason), status=413)
    if brackets > 2 * DEEPEST and _is_deep(data):
        raise InvalidInput(((), f"is nested more than {DEEPEST} levels deep"))


def _is_deep(data: bytes) -> bool:
    """Return whether valid JSON is nested more than DEEPEST levels, in a fraction of the time that
    parsing takes.
    """
    if b"\\" in data:
        data = data.replace(rb"\\", b"").replace(rb"\"", b"")
    # Keep brackets and quotes. A text without brackets leaves two quotes, which are removed; any
    # other text keeps its own.
    data = data.translate(_SQUARE, _NO_BRACKETS.replace(b'"', b"")).replace(b'""', b"")
    if b'"' in data:
        data = b"".join(data.split(b'"')[::2])
    for _ in range(DEEPEST):
        data = data.replace(b"[]", b"")  # the innermost
    return b"[]" in data


def _refuse_constant(constant: str) -> None:
    raise ValueError(constant)


# json.loads would make a decoder for each text.
_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode
