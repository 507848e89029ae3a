"""URLs that a stranger sends: what is fetched, what is refused, and that neither takes longer than
it may.
"""

import gc
import socket
import ssl
import time
import tracemalloc

import pytest
import trustme

from shared.serving.errors import InvalidInput
from shared.serving.images import download
from shared.serving.images.addresses import is_public
from tests.unit.servers import OK, PUBLIC, dripping, endless, redirected, replied

# What Python cannot raise it prints, and what is printed is logged.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")

PHOTO = b"\x89PNG\r\n\x1a\n and so on"


def refused(url):
    """The status and reason of a refusal that comes in time and does not give the URL away."""
    start = time.monotonic()
    with pytest.raises(InvalidInput) as refusal:
        download.download_image(url)
    assert time.monotonic() - start < download.TOTAL_SECONDS + 1
    assert not any(len(part) > 5 and part in str(refusal.value) for part in url.split("/")[2:])
    return refusal.value.status, str(refusal.value)


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


HEAD = f"{OK}\r\nContent-Type: image/png\r\n".encode()
MISBEHAVIOR = {
    "not found": (replied(b"", status="HTTP/1.1 404 Not Found"), "HTTP status 404"),
    "partial": (replied(PHOTO, status="HTTP/1.1 206 Partial"), "HTTP status 206"),
    "redirect to nowhere": (replied(b"", status="HTTP/1.1 302 Found"), "HTTP status 302"),
    "a page": (replied(b"<html>", kind="text/html; charset=utf-8"), "Content-Type"),
    "compressed": (replied(b"x", "Content-Encoding: gzip"), "compressed"),
    "announced as too large": (HEAD + b"Content-Length: 300001\r\n\r\n", "more than"),
    "too large": (HEAD + b"\r\n" + b"x" * 300_001, "more than"),
    "endless": (endless(HEAD + b"\r\n"), "more than"),
    "endless chunk": (
        endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n"),
        "more than",
    ),
    "cut short": (HEAD + b"Content-Length: 100\r\n\r\nx", "breaks off"),
    "cut chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\nx", "breaks off"),
    "wrong chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx", "breaks off"),
    "not HTTP": (b"SSH-2.0-OpenSSH\r\n", "HTTP"),
    "silent": (b"", "breaks off"),
    "long header": (HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n", "HTTP"),
    "many headers": (HEAD + b"X: x\r\n" * 200 + b"\r\n", "HTTP"),
}


SLOWNESS = {
    "slow status": dripping(b""),
    "slow headers": dripping(HEAD, b"x: x\r\n"),
    "slow body": dripping(HEAD + b"\r\n"),
    "slow chunks": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "never ready": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "no answer": lambda connection: time.sleep(0.5),
}


@pytest.mark.parametrize("name", SLOWNESS)
def test_servers_that_are_slow(internet, impatient, name):
    assert refused(internet.serve(SLOWNESS[name])) == (
        422,
        "the request took longer than 0.15 seconds",
    )


@pytest.mark.parametrize("name", MISBEHAVIOR)
def test_servers_that_misbehave(internet, name):
    reply, reason = MISBEHAVIOR[name]
    status, message = refused(internet.serve(reply))
    assert status == 422 and reason in message


def test_a_name_that_does_not_exist_or_is_not_found_in_time(internet, impatient):
    def slow():
        time.sleep(0.3)
        return [PUBLIC]

    internet.names |= {"gone.example": [], "slow.example": slow}
    for host in ("gone.example", "slow.example"):
        assert refused(f"http://{host}/")[1] == "the request has a host that cannot be found"


def test_addresses_that_do_not_answer_share_the_time(monkeypatch, internet):
    seconds = []

    def connect(this, address):
        seconds.append(this.gettimeout())
        raise TimeoutError

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert "cannot be reached" in refused(internet.serve(b"", addresses=(PUBLIC, "8.8.8.8")))[1]
    assert seconds == pytest.approx(
        [download.CONNECT_SECONDS / 2, download.CONNECT_SECONDS], abs=0.5
    )


def test_redirects_share_the_time(internet, impatient):
    def slow(connection):
        time.sleep(0.1)
        connection.sendall(redirected("/photo"))

    _, message = refused(internet.serve(slow))
    # The time may end while the next server is connected to.
    assert "longer than" in message or "cannot be reached" in message
    assert len(internet.connected) < 4


@pytest.fixture
def secure(internet, monkeypatch, tmp_path_factory):
    """The internet with TLS, whose servers have a certificate for photos.example of an authority
    that we trust.
    """
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    file = tmp_path_factory.mktemp("tls") / "authority.pem"
    authority.cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))  # where OpenSSL looks for what it trusts
    monkeypatch.setattr(download, "_tls", None)
    internet.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("photos.example", key_type=trustme.KeyType.ECDSA).configure_cert(
        internet.tls
    )
    internet.asked = []
    internet.tls.sni_callback = lambda connection, name, context: internet.asked.append(name)
    return internet


def test_https_asks_the_checked_address_for_the_name(secure):
    assert download.download_image(secure.serve(replied(PHOTO))) == PHOTO
    assert (secure.connected, secure.asked) == ([PUBLIC], ["photos.example"])
    assert "\r\nHost: photos.example\r\n" in secure.requests[0]


def test_https_with_a_certificate_for_another_name(secure):
    status, message = refused(secure.serve(replied(PHOTO), host="other.example"))
    assert status == 422 and "certificate" in message and not secure.requests


def test_https_with_a_certificate_that_nobody_vouches_for(secure, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "certificate" in refused(secure.serve(replied(PHOTO)))[1] and not secure.requests


def test_https_to_a_server_without_tls_(internet):
    internet.serve(replied(PHOTO))
    assert refused("https://photos.example/photo")[0] == 422


def test_https_with_a_slow_body(secure, impatient):
    assert "longer than" in refused(secure.serve(dripping(HEAD + b"\r\n")))[1]
