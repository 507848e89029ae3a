"""Download from an untrusted URL by HTTPS."""

import ssl

import pytest
import trustme

from shared.serving.images import download
from tests.unit.downloads import HEAD, PHOTO, refused
from tests.unit.servers import PUBLIC, dripping, replied

# What Python cannot raise it prints, and what is printed is logged.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")


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
