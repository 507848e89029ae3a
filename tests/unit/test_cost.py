"""The cost of a month, in cases that are computed by hand in the comments. A month has 730 hours."""

import json
from dataclasses import replace

import pytest

from scripts.benchmark.memory_sizes import SIZES
from scripts.cost.alternatives import fargate, managed_instances, real_time, serverless
from scripts.cost.aws_lambda import lambda_offers
from scripts.cost.duration import billed_seconds, cpu_ms, duration_ms
from scripts.cost.offer import Case
from scripts.cost.offer import cheapest as cheapest_of
from scripts.cost.plan import best_of_each, break_evens, curves, losses, offers
from scripts.cost.report import losing, shown
from scripts.cost.workload import PUBLISHED, Workload

WORK = Workload(
    cpu_ms=100, p99_ms=100, memory_mb=1000, init_ms=500, payload_bytes=0, source="a test"
)
MILLION = Case(WORK, 1e6)


def on_lambda(case, memory=1769, architecture="x86_64", mode="on demand", endpoint="http"):
    """One offer of Lambda."""
    wanted = (memory, architecture, mode, endpoint)
    [found] = [
        offer
        for offer in lambda_offers(case)
        if (offer.memory, offer.architecture, offer.mode, offer.endpoint) == wanted
    ]
    return found


def cheapest(found, case):
    """The cheapest offer that meets the latency."""
    offer = cheapest_of(found, case)
    assert offer
    return offer


def named(offers, name):
    """The one offer with a text in its name."""
    [found] = [offer for offer in offers if name in offer.name]
    return found


def test_a_million_requests_on_lambda():
    # 1769 / 1024 GB * 0.1 s * 1e6 = 172,754 GB-s * 0.0000166667 = 2.8792; 0.20 + 1.00 for requests:
    # 4.0792. Beside it, some cold starts: less than 2 cents.
    lines = on_lambda(MILLION).lines
    assert 0 < lines.pop("init") < 0.02
    assert lines == pytest.approx({"requests": 0.2, "duration": 2.8792, "HTTP API": 1}, abs=1e-4)


def test_an_instance_breaks_even():
    # ml.m5.large: 0.115 * 730 = 83.95. 83.95 / 4.0792 = 20.58 million requests. They are 7.83 a
    # second, 0.78 vCPUs of the 1.4 that one instance may use.
    per_million = on_lambda(Case(WORK, 20.58e6)).total
    instance = named(real_time(Case(WORK, 20.58e6)), "1 x ml.m5.large")
    assert instance.total == pytest.approx(83.95) == pytest.approx(per_million, rel=2e-3)


def test_beyond_one_instance():
    # 40 million a month: 15.22 a second * 0.1 s = 1.522 vCPUs; an instance may use 2 * 0.7 = 1.4.
    assert named(real_time(Case(WORK, 40e6)), "ml.m5.large").total == pytest.approx(2 * 83.95)
    assert named(real_time(Case(WORK, 30e6)), "ml.m5.large").total == pytest.approx(83.95)
    available = Case(WORK, 30e6, available=True)
    assert named(real_time(available), "2 x ml.m5.large").total == pytest.approx(2 * 83.95)


def test_no_requests():
    case = Case(WORK, 0)
    assert on_lambda(case).total == on_lambda(case).free == 0
    # SnapStart keeps a snapshot: 1769 / 1024 GB * 2,628,000 s * 0.0000015046 = 6.831.
    assert on_lambda(case, mode="SnapStart").total == pytest.approx(6.831, abs=1e-3)
    # One provisioned instance: 1769 / 1024 * 2,628,000 * 0.0000041667 = 18.917.
    assert on_lambda(case, mode="provisioned").total == pytest.approx(18.917, abs=1e-3)
    assert named(serverless(case), "2 GB").total == 0
    assert named(real_time(case), "ml.m5.large").total == pytest.approx(83.95)
    assert cheapest(offers(case), case).service in ("Lambda", "SageMaker serverless")


def test_inside_the_free_tier():
    # 1 million requests and 172,754 of 400,000 GB-s are free: only the HTTP API remains.
    assert on_lambda(MILLION).dollars(free_tier=True) == pytest.approx(1.00)
    assert on_lambda(MILLION, endpoint="url").dollars(free_tier=True) == pytest.approx(0)
    # 3 million: 2 million paid at 0.20, and 3 * 172,754 - 400,000 = 118,262 GB-s: 1.9710. 2.3710.
    three = on_lambda(Case(WORK, 3e6), endpoint="url")
    assert three.dollars(free_tier=True) - three.lines["init"] == pytest.approx(2.3710, abs=1e-3)
    # Provisioned concurrency has no free tier.
    assert on_lambda(MILLION, mode="provisioned").free == 0


def test_provisioned_and_snapstart():
    # 0.381 a second * 0.1 s = 0.0381 busy. B(1) = 0.0381 / 1.0381 = 3.7%, B(2) = 0.07% < 0.1%: two.
    provisioned = on_lambda(MILLION, mode="provisioned")
    assert provisioned.lines["kept ready"] == pytest.approx(2 * 18.917, abs=2e-3)
    # 172,754 GB-s * 0.0000097222 = 1.6796; 0.07% of it at the price on demand.
    assert provisioned.lines["duration"] == pytest.approx(1.6796, rel=2e-3)
    # A restore: 1769 / 1024 GB * 0.0001397998 = 0.00024151; init is not billed.
    snapstart = on_lambda(MILLION, mode="SnapStart")
    assert snapstart.lines["init"] == pytest.approx(snapstart.cold * 1e6 * 0.00024151, rel=1e-4)


def test_init_is_billed():
    # 10 requests a month are all cold (99.86%): 0.5 s of init beside 0.1 s of duration.
    lines = on_lambda(Case(WORK, 10)).lines
    assert lines["init"] / lines["duration"] == pytest.approx(5, rel=2e-3)


def test_durations_are_billed_by_whole_milliseconds():
    # 0.1 ms -> 1 ms, 1 ms -> 1 ms, 1.001 ms -> 2 ms.
    assert [billed_seconds(ms) for ms in (0.1, 1, 1.001, 100)] == [0.001, 0.001, 0.002, 0.1]
    # 1e6 * 0.001 s * 0.125 GB * 0.0000166667 = 0.002083.
    short = Case(replace(WORK, cpu_ms=0.1, p99_ms=0.1, memory_mb=50), 1e6)
    assert on_lambda(short, 128).lines["duration"] == pytest.approx(0.002083, abs=1e-6)


def test_more_than_ten_gigabytes():
    case = Case(replace(WORK, memory_mb=12_000), 1e6)  # 15,000 MB with a quarter of headroom
    [refused] = lambda_offers(case)
    assert refused.unfit == "needs 15,000 MB, more than Lambda's 10,240"
    assert all(offer.unfit for offer in serverless(case))
    assert not named(real_time(case), "ml.m5.xlarge").unfit
    assert not named(managed_instances(case), "m7g.2xlarge").unfit
    assert "Lambda's 10,240" in shown("m", case, offers(case), [], {})


def test_nothing_holds_it():
    case = Case(replace(WORK, memory_mb=200_000), 1e6)
    assert cheapest_of(offers(case), case) is None
    assert "none is possible and fast enough" in shown("m", case, offers(case), [], {})


def test_more_at_once_than_an_account_may():
    # 3e10 a month: 11,416 a second * 0.1 s = 1,142 at once.
    case = Case(WORK, 3e10)
    [note] = on_lambda(case).notes
    assert note.startswith("Lambda runs up to 1,2")
    assert note.endswith("ask AWS for a quota above the account's 1,000")
    assert f"\n{note}.\n" in shown("m", case, offers(case), [], {})
    assert not on_lambda(Case(WORK, 1e9)).notes
    assert "requests at once, more than 200" in named(serverless(case), "2 GB").unfit


def test_sagemaker_serverless():
    # 2 GB has more than a vCPU here: 1e6 * 0.1 s * 2 GB * 0.00002 = 4.00. Data: 1e6 * 1 kB = 1 GB.
    case = Case(replace(WORK, payload_bytes=1000), 1e6)
    assert named(serverless(case), "2 GB").lines == pytest.approx({"duration": 4.0, "data": 0.016})
    assert named(serverless(case), "1 GB").unfit == "needs 1,250 MB, more than 1,024"
    large = Case(replace(WORK, payload_bytes=5_000_000), 1e6)
    assert named(serverless(large), "2 GB").unfit == "an event has more than 4 MB"
    slow = Case(replace(WORK, p99_ms=61_000), 1e6)
    assert named(serverless(slow), "2 GB").unfit == "a request takes more than 60 s"


def test_managed_instances():
    # Three m7g.large: 3 * 0.0816 * 730 = 178.704; 15% of it: 26.8056; 0.20 for requests.
    assert named(managed_instances(MILLION), "m7g.large").total == pytest.approx(205.7096)


def test_fargate():
    # 1 vCPU: 0.04048 * 730 = 29.5504; 2 GB: 2 * 0.004445 * 730 = 6.4897; load balancer: 0.0225 * 730
    # = 16.425, and 0.3805 / 25 LCU * 0.008 * 730 = 0.0889; 3 addresses: 3 * 0.005 * 730 = 10.95.
    assert named(fargate(MILLION), "1 x 1 vCPU, 2 GB, x86_64").total == pytest.approx(
        63.504, abs=1e-3
    )
    # 1,250 MB need 2 GB; 0.25 vCPU take 2 GB too, and 100 ms become more than 380.
    assert named(fargate(MILLION), "0.25 vCPU, 2 GB, arm64").p99_ms > 380


def test_the_latency_decides():
    # One request an hour: all are cold. On demand: 10 + 100 + 200 + 500 = 810 ms; SnapStart: 610.
    case = Case(WORK, 730, latency=700)
    assert on_lambda(case).p99_ms == 810 and on_lambda(case, mode="SnapStart").p99_ms == 610
    assert cheapest(offers(case), case).mode == "SnapStart"
    assert cheapest(offers(case), replace(case, latency=900)).mode == "on demand"


def test_the_answer_changes_at_the_break_even():
    case = Case(WORK, 1e6, latency=1000)
    found = curves(case)
    changes = break_evens(case, found)
    assert changes
    for change in changes:
        for requests, kind in ((0.998, change.below), (1.002, change.above)):
            there = replace(case, requests=change.requests * requests)
            assert next(iter(best_of_each(offers(there), there)), "") == kind
    ends = [next(iter(found[requests])) for requests in (min(found), max(found))]
    assert ends == [changes[0].below, changes[-1].above]


def test_where_lambda_loses():
    case = Case(WORK, 1e6)
    found = losses(case, curves(case))
    # ml.c5.large: 0.102 * 730 = 74.46. A million on arm64: 172,754 * 0.0000133334 + 1.20 = 3.5034.
    # 74.46 / 3.5034 = 21.25 million.
    assert found["SageMaker real time"] == pytest.approx(21.25e6, rel=2e-3)
    assert found["Lambda SnapStart"] is None
    for kind, requests in found.items():
        for factor, cheaper in ((0.998, False), (1.002, True)):
            if requests and requests > 1000:
                there = replace(case, requests=requests * factor)
                best = best_of_each(offers(there), there)
                assert (best[kind].total < best["Lambda on demand"].total) == cheaper
    assert "to SageMaker real time: from 21.3 million" in losing(found)
    assert "to Lambda SnapStart: never" in losing(found)


def test_a_burstable_instance_may_use_its_baseline_alone():
    # ml.t2.medium: 20% of 2 vCPUs. 20 million a month: 7.61 a second * 0.1 s = 0.761 vCPUs: two.
    assert named(real_time(Case(WORK, 20e6)), "2 x ml.t2.medium").total == pytest.approx(81.76)


@pytest.mark.parametrize("memory", SIZES)
def test_the_duration_model_is_that_of_the_benchmarks(memory):
    paths = sorted(PUBLISHED.glob("*-memory.json"))
    assert paths
    for path in paths:
        sizes = json.loads(path.read_text())["sizes"]
        whole, measured = sizes["1769"]["handler_p50_ms"], sizes[str(memory)]
        modeled = duration_ms(whole, memory)
        # The benchmark is slower by less than a tenth of a millisecond: caches are cold after each
        # wait. The billed time, on which the cost depends, is the same.
        assert measured["handler_p50_ms"] == pytest.approx(modeled, rel=0.1, abs=0.1)
        assert measured["billed_ms"] == pytest.approx(1000 * billed_seconds(modeled), rel=0.1)


def test_long_requests_take_the_inverse_of_the_share():
    # 512 MB are 0.2894 vCPU: 1 s of work takes 3.45 s; two vCPUs halve the parallel part alone.
    assert duration_ms(1000, 512) == pytest.approx(1000 * 1769 / 512, rel=0.01)
    assert duration_ms(1000, 3538) == 1000 and duration_ms(1000, 3538, parallel=0.8) == 600
    # 128 MB: 1.447 ms of each 20 ms. 3 ms take two waits of 18.553 ms.
    assert duration_ms(1.4, 128) == 1.4
    assert duration_ms(3, 128) == pytest.approx(3 + 2 * 18.553, abs=1e-2)


@pytest.mark.parametrize("memory", [*SIZES, 10_240])
@pytest.mark.parametrize("work", [0.1, 1.4, 3, 100, 5000])
def test_the_work_follows_from_a_duration(memory, work):
    assert cpu_ms(duration_ms(work, memory), memory) == pytest.approx(work)
