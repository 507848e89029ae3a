"""The error for a request that cannot be answered, and problems as RFC 9457 describes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Group = tuple[str | None, str, Sequence[int]]
MOST_NAMED = 20  # problems in one response; the others are counted
TITLES = {
    204: "No Content",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    500: "Internal Server Error",
}


class Sent(str):
    """A key of the caller in the path of a problem: `detail` and `pointers` name it, the message of
    the exception does not.
    """


class InvalidInput(Exception):
    """A request that cannot be answered, with every reason.

    problems: (path, reason) pairs. A path has the keys and indices that lead to the value, such as
        ("customers", 3, "tenure"); () is the request itself. Lambda logs the message of an
        exception, so a reason never quotes a value of the caller, and a caller's key is a `Sent`.
    more: the number of further problems.
    status: the HTTP status of the response.
    groups: all problems of a list of rows, for bulk scoring: (feature or None, reason, row indices)
        each, in the order of the features. An index takes 4 bytes, a fraction of a row's memory.
    """

    def __init__(
        self,
        *problems: tuple[tuple, str],
        more: int = 0,
        status: int = 400,
        groups: Sequence[Group] = (),
    ):
        self.problems = problems
        self.more = more
        self.groups = groups
        self.status = status
        super().__init__(self._message(_without_keys))

    def detail(self) -> str:
        """Return the message for the caller alone. Unlike the exception's message, it names the
        caller's keys.
        """
        return self._message(_dotted)

    def pointers(self) -> list[dict]:
        """Return the `errors` member of an RFC 9457 problem: JSON pointer and detail of each."""
        return [{"pointer": _pointer(path), "detail": reason} for path, reason in self.problems]

    def _message(self, written: Callable[[tuple], str]) -> str:
        reported = [f"{written(path)} {reason}" for path, reason in self.problems]
        if len(reported) == 1 and not self.more:
            return reported[0]
        different = list(dict.fromkeys(reported))  # without their keys, many problems read the same
        more = self.more + len(reported) - len(different)
        return "; ".join(different + [f"and {more} more"] * bool(more))


def problem(status: int, detail: str, **members: object) -> dict:
    """Return a problem as RFC 9457 describes it."""
    title = TITLES[status]
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}


def problem_of(refusal: InvalidInput) -> dict:
    """Return a refusal as a problem. It names the caller's keys: for the caller alone."""
    return problem(refusal.status, refusal.detail(), errors=refusal.pointers())


def unknown_keys(request: dict, known: tuple[str, ...]) -> InvalidInput:
    """Return the refusal of a request that has other keys than the known ones."""
    unknown = (key for key in request if key not in known)
    reason = f"is not known: send {', '.join(known[:-1])} or {known[-1]}"
    named = [((Sent(key),), reason) for _, key in zip(range(MOST_NAMED), unknown)]
    more = sum(1 for _ in unknown)  # counted, not kept: there can be a million
    return InvalidInput(*named, more=more)


def kind_of(value: object) -> str:
    """Return the kind of a JSON value for messages: "text", "a list", …"""
    if isinstance(value, float) and value - value != 0:
        return "NaN or infinity"  # which are not JSON
    kinds = {
        bool: "true or false",
        str: "text",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    kinds[bytes] = "bytes"  # not JSON's, but what an HTTP body can be
    return "null" if value is None else kinds.get(type(value), type(value).__name__)


def shortened(text: str, most: int = 40) -> str:
    """Return a caller's text for a response to that caller: at most `most` characters, in UTF-8."""
    # First, because the text can have megabytes.
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return cut.encode("utf-8", "replace").decode()


def _dotted(path: tuple) -> str:
    if not path:
        return "the request"
    dotted = "".join(f"[{key}]" if isinstance(key, int) else f".{shortened(key)}" for key in path)
    return dotted.lstrip(".") or "the request"


def _without_keys(path: tuple) -> str:
    return _dotted(tuple("a key" if isinstance(key, Sent) else key for key in path))


def _pointer(path: tuple) -> str:
    return "#" + "".join(
        "/" + shortened(str(key)).replace("~", "~0").replace("/", "~1") for key in path
    )
