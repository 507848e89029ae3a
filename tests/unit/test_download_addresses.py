"""Download from an untrusted URL: only public addresses are connected to."""

import pytest

from shared.serving.images import download
from shared.serving.images.addresses import is_public
from tests.unit.downloads import PHOTO, refused
from tests.unit.servers import PUBLIC, redirected, replied

# What Python cannot raise it prints, and what is printed is logged.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.1",
            "127.0.0.1:9001",
            "localhost",
            "2130706433",
            "0177.0.0.1",
            "0x7f.0.0.1",
            "0x7f000001",
            "127.1",
            "0",
            "0.0.0.0",
        ),
        *(
            "169.254.169.254",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "①②⑦.⓪.⓪.①",
        ),
        *(
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[64:ff9b::7f00:1]",
        ),
    ],
)
def test_addresses_that_are_not_public(internet, host):
    assert refused(f"http://{host}/2018-06-01/runtime/invocation/next") == (
        400,
        "the request leads to an address that is not public",
    )
    assert not internet.connected


def test_private_addresses_can_be_allowed_for_tests(internet, monkeypatch):
    monkeypatch.setenv("ALLOW_PRIVATE_URLS", "1")
    internet.serve(replied(PHOTO))
    assert download.download_image(f"http://127.0.0.1:{internet.port}/photo") == PHOTO


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *(
            (text, True)
            for text in (
                "8.8.8.8",
                "93.184.215.14",
                "2606:4700:4700::1111",
                "::ffff:8.8.8.8",
                "64:ff9b::808:808",
            )
        ),
        *(
            (text, False)
            for text in (
                "0.0.0.0",
                "10.1.2.3",
                "100.64.0.1",
                "100.127.255.255",
                "127.8.8.8",
                "169.254.170.2",
            )
        ),
        *(
            (text, False)
            for text in (
                "172.31.0.1",
                "192.0.2.1",
                "192.168.0.1",
                "198.18.0.1",
                "224.0.1.1",
                "239.1.1.1",
                "240.0.0.1",
            )
        ),
        *(
            (text, False)
            for text in (
                "::",
                "::1",
                "::127.0.0.1",
                "::8.8.8.8",
                "::ffff:10.0.0.1",
                "64:ff9b::a00:1",
                "64:ff9b:1::1",
            )
        ),
        *(
            (text, False)
            for text in (
                "2002:7f00:1::",
                "2002:808:808::",
                "2001:0:808:808::1",
                "2001:db8::1",
                "fc00::1",
                "fd00::1",
            )
        ),
        *(
            (text, False)
            for text in (
                "fe80::1",
                "fe80::1%1",
                "fec0::1",
                "ff02::1",
                "ff0e::1",
                "100::1",
                "5f00::1",
            )
        ),
    ],
)
def test_which_addresses_are_public(address, public):
    assert is_public(address) is public


def test_one_private_address_among_public_ones_is_enough(internet):
    url = internet.serve(replied(PHOTO), addresses=(PUBLIC, "10.0.0.1"))
    assert refused(url)[0] == 400 and not internet.connected


def test_a_name_that_changes_its_address_is_looked_up_once(internet):
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    url = internet.serve(replied(PHOTO))
    internet.names["photos.example"] = lambda: next(answers)
    assert download.download_image(url) == PHOTO
    assert (internet.looked_up, internet.connected) == (["photos.example"], [PUBLIC])
    assert (
        refused(url)[0] == 400
    )  # and again at the next request, though not by a second look at the first


INSIDE = ("127.0.0.1:9001", "169.254.169.254", "[::ffff:127.0.0.1]", "2130706433", "inside.example")


@pytest.mark.parametrize(
    ("location", "status"),
    [
        *((f"http://{host}/", 400) for host in INSIDE),
        ("file:///etc/passwd", 400),
        ("gopher://photos.example/", 400),
        ("http://user:secret@photos.example/", 400),
        ("http://[", 422),
        ("/photo", 422),
    ],
)
def test_redirects_that_are_not_allowed(internet, location, status):
    internet.names["inside.example"] = ["192.168.0.1"]
    assert refused(internet.serve(redirected(location)))[0] == status
    assert set(internet.connected) == {PUBLIC}
    assert len(internet.connected) == (4 if location == "/photo" else 1)  # 3 redirects, no more
