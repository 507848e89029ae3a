"""Advice for each reason why no container can run, and options for Podman; with fake clients."""

import base64
import re
from types import SimpleNamespace

import pytest

from scripts.aws import push
from scripts.aws import upload as uploads
from scripts.local import docker
from scripts.local.docker import PLATFORMS, NoEngine, no_engine, require_engine
from scripts.project import Project
from shared.errors import UserError

DOCKER, PODMAN = "Docker version 28.1.1, build 4eba377", "podman version 4.3.1"
SOCKET = "unix:///var/run/docker.sock"
DENIED = (
    f"Got permission denied while trying to connect to the Docker daemon socket at {SOCKET}: dial "
    "unix: permission denied"
)
DOWN = f"Cannot connect to the Docker daemon at {SOCKET}. Is the docker daemon running?"
DOWN_29 = (
    f"failed to connect to the docker API at {SOCKET}; check if the path is correct and if the "
    "daemon is running"
)
NO_MACHINE = (
    "Cannot connect to Podman. Please verify your connection to the Linux system\nError: unable "
    "to connect: refused"
)
NO_NAMESPACE = (
    "Error: cannot set up namespace using newuidmap: should have setuid or have filecaps setuid"
)


@pytest.fixture
def client(tmp_path, monkeypatch):
    """Makes a client that says its version, notes its arguments, and fails or prints; gives the
    file of the arguments.
    """

    def make(version, name="docker", fails="", prints=""):
        program, given = tmp_path / name, tmp_path / "arguments"
        (tmp_path / "stderr").write_text(fails)
        (tmp_path / "stdout").write_text(prints)
        program.write_text(
            f"#!/bin/sh\nif [ \"$1\" = --version ]; then echo '{version}'; exit; fi\n"
            f'echo "$@" >>{given}\ncat {tmp_path}/stdout\ncat {tmp_path}/stderr >&2\nexit '
            f"{int(bool(fails))}\n"
        )
        program.chmod(0o755)
        use(monkeypatch, str(program))
        return given

    return make


@pytest.fixture(autouse=True)
def forget():
    """Asks each test's client anew what it is."""
    docker.is_podman.cache_clear()
    yield
    docker.is_podman.cache_clear()


def use(monkeypatch, name):
    """Sets DOCKER for the modules that have read it."""
    for module in (docker, push, uploads):
        monkeypatch.setattr(module, "DOCKER", name)


@pytest.mark.parametrize(
    ("version", "fails", "reason", "advice"),
    [
        (
            DOCKER,
            DENIED,
            "this user may not use the {} engine",
            "add yourself to the group docker (`sudo usermod -aG docker",
        ),
        (
            DOCKER,
            DOWN,
            "no {} engine answers",
            "install and start Docker (https://docs.docker.com/engine/install); `sudo",
        ),
        (DOCKER, DOWN_29, "no {} engine answers", "install and start Docker ("),
        (DOCKER, "unknown flag", "`{} ps` fails (unknown flag)", "correct the cause"),
        (
            PODMAN,
            NO_MACHINE,
            "no {} engine answers",
            "start Podman's machine (`podman machine init` once, then `podman machine",
        ),
        (
            PODMAN,
            NO_NAMESPACE,
            "`{} ps` fails (Error: cannot set up namespace using newuidmap",
            "correct the cause",
        ),
    ],
)
def test_why_no_container_runs_and_what_helps(client, version, fails, reason, advice):
    client(version, fails=fails)
    found = no_engine()
    assert (
        found
        and found.reason.startswith(reason.format(docker.DOCKER))
        and found.advice.startswith(advice)
    )
    with pytest.raises(
        UserError,
        match=rf"^{re.escape(found.reason)}: {re.escape(found.advice)}, then run this again$",
    ):
        require_engine()
    with pytest.raises(
        UserError,
        match=rf"^{re.escape(found.reason)}: tests need it, so {re.escape(found.advice)}, then",
    ):
        require_engine("tests need it, so")


@pytest.mark.parametrize(
    ("name", "product"), [("no-such-docker", "Docker"), ("no/such/podman", "Podman")]
)
def test_what_is_not_installed_is_called_by_its_own_name(monkeypatch, name, product):
    use(monkeypatch, name)
    found = no_engine()
    assert found and found.reason == f"{name} is not installed" and product in found.advice


def test_a_client_that_is_no_program(monkeypatch, tmp_path):
    use(monkeypatch, str(tmp_path))
    assert no_engine() == NoEngine(
        f"{tmp_path} is not a program that this user may run", "set DOCKER to docker or podman"
    )


def test_an_engine_that_answers(client):
    client(DOCKER)
    assert no_engine() is None
    require_engine()


@pytest.mark.parametrize(
    "name", ["podman", "docker"]
)  # the second as the package podman-docker installs it
@pytest.mark.parametrize("local", [True, False])
def test_podman_gets_an_option_for_a_registry_on_this_machine_has_no_tls(client, name, local):
    given = client(PODMAN, name)
    upload(local)
    option = "--tls-verify=false " if local else ""
    assert given.read_text().splitlines() == [
        "tag my-model:1 127.0.0.1:4566/my-model:tag",
        f"login {option}--username AWS --password-stdin 127.0.0.1:4566",
        f"push {option}127.0.0.1:4566/my-model:tag",
    ]


def test_docker_gets_no_option_for_tls(client):
    """It knows no such option, and takes every address of this machine for one without TLS."""
    given = client(DOCKER)
    upload(local=True)
    assert "tls" not in given.read_text()


def test_a_failed_login_names_the_client_s_name(client):
    client(PODMAN, "podman", fails="Error: authenticating creds")
    with (
        pytest.raises(
            UserError,
            match=r"/podman cannot log in to 127.0.0.1:4566: Error: authenticating creds$",
        ),
        uploads._logged_in(account(True), ecr()),
    ):
        pass


@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_the_id_of_an_image_is_a_digest(client, prefix):
    """As ECR has it; Podman prints it without the name of its algorithm."""
    project = Project(Project.names()[0])
    client(
        PODMAN if not prefix else DOCKER,
        prints=f"{prefix}{'a' * 64} {PLATFORMS[project.architecture]}",
    )
    assert push.require_platform(project, "my-model:1") == f"sha256:{'a' * 64}"


def upload(local):
    """Pushes an image with the client."""
    uploads.upload(account(local), ecr(), "my-model:1", "127.0.0.1:4566/my-model:tag")


def account(local):
    """Return the part of an account that push uses. local: its registry is here and has no TLS."""
    return SimpleNamespace(local=local, plain_http=local, registry="127.0.0.1:4566")


def ecr():
    """Return the part of ECR's client that push uses."""
    token = base64.b64encode(b"AWS:token").decode()
    return SimpleNamespace(
        get_authorization_token=lambda: {"authorizationData": [{"authorizationToken": token}]}
    )
