"""A model that is read from S3 at start: the signature, the checks, and a reason for each failure."""

import hashlib
import json
import pickle
import random
import time
from pathlib import Path

import boto3
import pytest
import trustme
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from shared.serving.onnx import s3
from shared.serving.onnx.common import BrokenModel
from tests.handlers import load_handler
from tests.unit.servers import OK, dripping, redirected, replied
from tests.unit.toy import METADATA

HOST = "models.s3.eu-west-1.amazonaws.com"
CONTENT = b"a model file" * 1000
ROLE = {
    "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret/with+signs",
    "AWS_SESSION_TOKEN": "token/of+the==role",
    "AWS_REGION": "eu-west-1",
}
ENDPOINT = "AWS_ENDPOINT_URL"


@pytest.fixture(autouse=True)
def role(monkeypatch, tmp_path):
    """The environment that Lambda gives a function, with a /tmp of the test's own."""
    for name in (ENDPOINT, f"{ENDPOINT}_S3", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ROLE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3, "FOLDER", str(tmp_path))


@pytest.fixture
def local(internet, monkeypatch):
    """A stand-in for a local AWS, without TLS."""
    monkeypatch.setenv(ENDPOINT, "http://s3.example")
    return internet


def url_of(content=CONTENT):
    """The address under which a content is published."""
    return f"s3://models/prod/{hashlib.sha256(content).hexdigest()}.onnx"


def serve(internet, reply, url=None, host="s3.example"):
    """Answer the request for an address; return the address."""
    url = url or url_of()
    path = url.removeprefix("s3:/") if host == "s3.example" else url.removeprefix("s3://models")
    internet.serve(reply, path=path, host=host)
    return url


def refusal(url):
    """The reason of a failed download, which comes in time and is one line."""
    start = time.monotonic()
    with pytest.raises(s3.DownloadFailed) as failed:
        s3.download(url)
    assert time.monotonic() - start < s3.TOTAL_SECONDS + s3.STALL_SECONDS
    assert str(failed.value).startswith(f"the model {url} cannot be used: ")
    assert "\n" not in str(failed.value)
    return str(failed.value).partition("cannot be used: ")[2]


def signed_by_botocore(bucket, key, token, region):
    """The request for an object as botocore sends it."""
    sent = []

    def answer(request, **others):
        sent.append(request)
        return AWSResponse(request.url, 404, {}, None)

    config = Config(response_checksum_validation="when_required", retries={"total_max_attempts": 1})
    client = boto3.client(
        "s3",
        region_name=region,
        aws_access_key_id="AKIA",
        aws_secret_access_key="a/secret+key",
        aws_session_token=token or None,
        config=config,
    )
    client.meta.events.register("before-send.s3.GetObject", answer)
    with pytest.raises(AttributeError):  # there is no body to parse
        client.get_object(Bucket=bucket, Key=key)
    return sent[0]


@pytest.mark.parametrize("seed", range(20))
def test_the_signature_is_that_of_botocore(seed):
    chance = random.Random(seed)
    letters = "abcXYZ019-_.~ /+%&=?#:@!$'()*,;[]\\|<>\"^`é𝄞\t"
    key = "a" + "".join(chance.choices(letters, k=chance.randint(1, 60))) + "/model.onnx"
    token, region = chance.choice(["", "token/+="]), chance.choice(["us-east-1", "eu-west-1"])
    request = signed_by_botocore("models", key, token, region)
    scheme, _, host, path = request.url.split("/", 3)
    now = request.headers["X-Amz-Date"].decode()
    path = f"/{path}"
    assert scheme == "https:" and s3.quote(f"/{key}") == path
    found = s3.signed_headers(host, path, region, ("AKIA", "a/secret+key", token), now)
    expected = request.headers["Authorization"].decode()
    assert found.pop("authorization") == expected.replace(", ", ",")
    for name in found.keys() - {"host"}:
        assert request.headers[name].decode() == found[name]


def test_the_request_is_for_the_bucket_of_a_local_aws(local, lines, tmp_path):
    url = serve(local, replied(CONTENT))
    path = s3.download(url)
    assert Path(path).parent == tmp_path and Path(path).read_bytes() == CONTENT
    assert local.requests[0].startswith(f"GET /models/prod/{Path(path).name} HTTP/1.1\r\n")
    assert f"\r\nx-amz-security-token: {ROLE['AWS_SESSION_TOKEN']}\r\n" in local.requests[0]
    [line] = lines()
    assert line.pop("fetch_ms") > 0
    assert line == {
        "level": "INFO",
        "message": "the model was read from S3",
        "model_url": url,
        "bytes": len(CONTENT),
    }


def test_an_endpoint_for_s3_comes_first(local, monkeypatch):
    monkeypatch.setenv(f"{ENDPOINT}_S3", "http://only-s3.example:8080/")
    name = url_of().rpartition("/")[2]
    local.serve(replied(CONTENT), path=f"/models/prod/{name}", host="only-s3.example")
    s3.download(url_of())
    assert local.looked_up == ["only-s3.example"]
    assert "\r\nhost: only-s3.example:8080\r\n" in local.requests[0]


@pytest.fixture
def aws(internet, monkeypatch, tmp_path):
    """A stand-in for AWS, with a certificate for the bucket's host of an authority that we trust."""
    import ssl

    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    internet.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, key_type=trustme.KeyType.ECDSA).configure_cert(internet.tls)
    return internet


@pytest.mark.parametrize("region", ["eu-west-1", "cn-north-1"])
def test_on_aws_the_request_goes_to_the_bucket_in_the_region_by_tls(aws, monkeypatch, region):
    monkeypatch.setenv("AWS_REGION", region)
    suffix = ".cn" if region.startswith("cn-") else ""
    host = f"models.s3.{region}.amazonaws.com{suffix}"
    url = serve(aws, replied(CONTENT), host=host)
    if suffix:  # the certificate is for the other
        assert "certificate" in refusal(url) and not aws.requests
    else:
        assert Path(s3.download(url)).read_bytes() == CONTENT
        assert f"\r\nhost: {host}\r\n" in aws.requests[0]
    assert aws.looked_up == [host]


def test_a_server_that_nobody_vouches_for_is_sent_nothing(aws, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "certificate" in refusal(serve(aws, replied(CONTENT), host=HOST)) and not aws.requests


def test_snapstart_gives_the_keys_at_an_address(local, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    keys = {"AccessKeyId": "ASIASNAP", "SecretAccessKey": "s", "Token": "t", "Expiration": "…"}
    uri = local.serve(replied(json.dumps(keys).encode()), path="/creds", host="snap.example")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let me in")
    s3.download(serve(local, replied(CONTENT)))
    assert "\r\nAuthorization: let me in\r\n" in local.requests[0]
    assert "Credential=ASIASNAP/" in local.requests[1]
    assert "\r\nx-amz-security-token: t\r\n" in local.requests[1]


def error(status, code):
    """S3's answer where there is no object to give."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>…</Message></Error>".encode()
    return replied(body, status=f"HTTP/1.1 {status}", kind="application/xml")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (replied(CONTENT[:-1] + b"!"), "its content has the SHA-256 "),
        (replied(b""), f"its content has the SHA-256 {s3.EMPTY}"),
        (replied(CONTENT)[:-5], "only 11,995 of its 12,000 bytes have come"),
        (f"{OK}\r\n\r\n".encode() + CONTENT, "gives no length"),
        (f"{OK}\r\nContent-Length: 500000001\r\n\r\n".encode(), "it has more than 500 MB"),
        (error("404 Not Found", "NoSuchKey"), "S3 responds with status 404 NoSuchKey: it is not"),
        (error("403 Forbidden", "AccessDenied"), "status 403 AccessDenied: it is not there, or"),
        (error("400 Bad Request", "AuthorizationHeaderMalformed"), "in the function's region"),
        (error("503 Slow Down", "SlowDown"), "S3 responds with status 503 SlowDown"),
        (redirected("http://s3.example/models/other"), "status 302 Found"),
        (redirected("https://other.example/", "307 Temporary Redirect"), "307 Temporary Redirect"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2"),
        (b"", "Remote end closed connection without response"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_is_not_the_model_is_refused_with_the_reason(local, reply, reason):
    assert reason in refusal(serve(local, reply))
    assert len(local.requests) == 1


def test_a_slow_server(local, monkeypatch):
    monkeypatch.setattr(s3, "TOTAL_SECONDS", 0.15)
    start = f"{OK}\r\nContent-Length: 100\r\n\r\n".encode()
    assert "after 0.15 s, only" in refusal(serve(local, dripping(start)))


@pytest.mark.parametrize("sent", [b"", f"{OK}\r\nContent-Length: 9\r\n\r\nab".encode()])
def test_a_server_that_stalls(local, monkeypatch, sent):
    monkeypatch.setattr(s3, "STALL_SECONDS", 0.1)
    monkeypatch.setattr(s3, "TOTAL_SECONDS", 0.5)

    def stall(connection):
        connection.sendall(sent)
        time.sleep(1)

    assert "timed out" in refusal(serve(local, stall))


def test_a_server_that_is_not_there(monkeypatch):
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    assert "refused" in refusal(url_of())


def test_a_full_disk(local, monkeypatch):
    monkeypatch.setattr(s3, "FOLDER", "/dev/full")
    assert "Not a directory" in refusal(serve(local, replied(CONTENT)))


def test_a_second_start_reads_it_again(local):
    """An environment that Lambda starts again keeps its /tmp."""
    Path(s3.FOLDER, url_of().rpartition("/")[2]).write_bytes(b"cut sho")
    assert Path(s3.download(serve(local, replied(CONTENT)))).read_bytes() == CONTENT


def test_a_handler_serves_a_published_model(local, toy, onnx_api, monkeypatch):
    content = toy.read_bytes()
    url = serve(local, replied(content), url_of(content))
    module = load_handler(Path(__file__).with_name("toy_function.py"), url, onnx_api)
    assert module.model.metadata == METADATA


def test_a_pickle_is_never_loaded(local, model_class):
    class Trap:
        def __reduce__(self):
            return (pytest.exit, ("the pickle was loaded",))

    content = pickle.dumps(Trap())
    with pytest.raises(BrokenModel):
        model_class(serve(local, replied(content), url_of(content)))
