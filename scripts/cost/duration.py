"""Model the duration of a request by memory size.

Lambda gives one vCPU for each 1,769 MB. A smaller function may use its share of each period of
20 ms, and then waits for the next period. So a request within that share is as fast as with a whole
vCPU, and a long one takes 1 / share times as long. Above 1,769 MB, only work on several threads
gains. The period was measured by others; AWS documents the share alone:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

from __future__ import annotations

import math

from shared.serving.onnx.common import MB_PER_VCPU

PERIOD = 20.0  # ms


def duration_ms(cpu_ms: float, memory: float, parallel: float = 0.0) -> float:
    """Return how long a request takes, in ms.

    cpu_ms: with one vCPU; memory: MB; parallel: the part of the work that several threads share.
    """
    share = memory / MB_PER_VCPU
    if share >= 1:
        return cpu_ms * (1 - parallel + parallel / share)
    quota = PERIOD * share
    waits = max(0, math.ceil(cpu_ms / quota - 1e-9) - 1)
    return cpu_ms + waits * (PERIOD - quota)


def cpu_ms(duration: float, memory: float) -> float:
    """Return the ms that a request takes with one vCPU, from its duration in ms with other memory.

    The inverse of duration_ms, without parallel work.
    """
    share = memory / MB_PER_VCPU
    if share >= 1:
        return duration
    periods, rest = divmod(duration, PERIOD)
    quota = PERIOD * share
    return periods * quota + min(rest, quota)


def billed_seconds(ms: float) -> float:
    """Return the billed duration in seconds: whole milliseconds, at least one."""
    return max(1, math.ceil(round(ms, 6))) / 1000
