"""Download from an untrusted URL: which URLs and responses give a file."""

import gc
import time
import tracemalloc

import pytest

from shared.serving.images import download
from tests.unit.downloads import PHOTO, refused
from tests.unit.servers import OK, PUBLIC, redirected, replied

# What Python cannot raise it prints, and what is printed is logged.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")


def test_the_limits_are_those_of_the_contract():
    assert (download.MOST_BYTES, download.CONNECT_SECONDS, download.TOTAL_SECONDS) == (
        10_000_000,
        3,
        8,
    )


def test_a_file_is_fetched(internet):
    url = internet.serve(replied(PHOTO), path="/photo%20of?a=b%20c&d=%C3%A9")
    assert download.download_image("http://photos.example/photo of?a=b c&d=é#here") == PHOTO
    assert download.download_image(url) == PHOTO
    assert internet.connected == [PUBLIC, PUBLIC]
    [request, _] = internet.requests
    assert (
        "\r\nHost: photos.example\r\n" in request and "\r\nAccept-Encoding: identity\r\n" in request
    )


@pytest.mark.parametrize(
    "kind",
    ["image/jpeg", "IMAGE/PNG; q=1", "application/octet-stream", "binary/octet-stream", "", None],
)
def test_types_that_an_image_may_have(internet, kind):
    assert download.download_image(internet.serve(replied(PHOTO, kind=kind))) == PHOTO


def test_a_chunked_body_and_one_without_a_length(internet):
    head = f"{OK}\r\nContent-Type: image/png\r\n".encode()
    assert (
        download.download_image(
            internet.serve(
                head + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
            )
        )
        == b"abcde"
    )
    assert download.download_image(internet.serve(head + b"\r\nabc")) == b"abc"


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
@pytest.mark.parametrize(
    "location", ["http://other.example/b", "/b", "b", "//other.example/b", "?b"]
)
def test_redirects_are_followed(internet, status, location):
    url = internet.serve(redirected(location, status), path="/a")
    internet.serve(replied(PHOTO), path="/a?b")
    internet.serve(replied(PHOTO), path="/b", host="other.example")
    assert download.download_image(url) == PHOTO


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:///etc/passwd",
            "ftp://photos.example/a.png",
            "data:image/png;base64,AAAA",
            "gopher://photos.example/",
            "a.png",
        ),
        *(
            "",
            "http://",
            "http:///a",
            "https:photos.example",
            "//photos.example/a",
            "javascript:alert(1)",
            "http://[::1",
            "http://]",
        ),
        *(
            "http://photos.example:99999/",
            "http://photos.example:x/",
            "http://photos.example:22/",
            "http://photos.example:25/",
        ),
        *(
            "http://user@photos.example/",
            "http://user:secret@photos.example/",
            "http://@photos.example/",
        ),
        *(
            "http://photos.example\\@127.0.0.1/",
            "http://a b/",
            "http://a\0b/",
            "http://[fe80::1%25eth0]/",
            "http://%31/",
        ),
        *(
            "http://" + "a" * 64 + ".example/",
            "http://photos.example/" + "a" * 9000,
            "http://photos.example/\ud800",
            "http://\ud800/",
        ),
    ],
)
def test_urls_that_are_not_allowed(internet, url):
    assert refused(url)[0] == 400
    assert not internet.looked_up


LONG_HOSTS = [
    "ü" * 8000,
    "ü." * 4000,
    "\ufdfa" * 253,
    ("\ufdfa" * 60 + ".") * 4,
    "a." * 200,
    "ü" * 253,
]


@pytest.mark.parametrize("host", LONG_HOSTS)
def test_a_long_host_name_is_refused_at_once(internet, host):
    start = time.process_time()
    assert refused(f"http://{host}/")[0] == 400
    assert time.process_time() - start < 0.2 and not internet.looked_up


def test_a_long_url_is_not_kept(internet):
    tracemalloc.start()
    urls = (f"http://photos.example/{number}{'a' * 1_000_000}" for number in range(20))
    assert {refused(url)[0] for url in urls} == {400}
    gc.collect()  # pytest's record of an exception refers to itself
    assert tracemalloc.get_traced_memory()[0] < 3_000_000
    tracemalloc.stop()


def test_a_redirect_to_a_long_url(internet):
    url = internet.serve(redirected("/" + "a" * 20_000))
    assert refused(url) == (400, "the request is a URL of more than 8,192 characters")
