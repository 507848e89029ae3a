"""Upload an image of the Docker engine to ECR, with credentials that last for the upload alone."""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scripts.aws.account import Account
from scripts.local.docker import DOCKER, is_podman
from shared.errors import UserError


def upload(account: Account, client: Any, image: str, reference: str) -> None:
    """Tag the image and push it. Layers that an interrupted push has sent are not sent again."""
    docker("tag", image, reference)
    print(f"pushing {reference}", flush=True)
    with _logged_in(account, client) as environment:
        command = [DOCKER, "push", *plain_http(account), reference]
        if subprocess.run(command, env=environment).returncode:
            raise UserError(
                "the push failed: the reason is above; the same command goes on where it stopped"
            )


def plain_http(account: Account) -> list[str]:
    """Return the options of login and push for a registry on this machine without TLS. Docker needs
    none for such an address.
    """
    return ["--tls-verify=false"] if account.local and account.plain_http and is_podman() else []


@contextmanager
def _logged_in(account: Account, client: Any) -> Iterator[dict]:
    """Yield the environment of a docker client that is logged in to ECR.

    The token is on no command line, and is deleted at the end.
    """
    data = client.get_authorization_token()["authorizationData"][0]
    user, token = base64.b64decode(data["authorizationToken"]).decode().split(":", 1)
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "DOCKER_CONFIG": folder,
            "REGISTRY_AUTH_FILE": f"{folder}/auth.json",
            **_engine(),
        }
        command = [DOCKER, "login", *plain_http(account), "--username", user]
        command += ["--password-stdin", account.registry]
        login = subprocess.run(
            command, input=token, env=environment, capture_output=True, text=True
        )
        if login.returncode:
            raise UserError(
                f"{DOCKER} cannot log in to {account.registry}: "
                f"{' '.join(login.stderr.split())[-300:]}"
            )
        yield environment


def _engine() -> dict[str, str]:
    """Return the variable that names the engine. A context of the user's own configuration may name
    it, and must still be found.
    """
    if os.environ.get("DOCKER_HOST") or is_podman():  # Podman has no such contexts
        return {}
    host = docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}", or_else="")
    return {"DOCKER_HOST": host} if host else {}


def docker(*arguments: str, or_else: str | None = None) -> str:
    """Return what a docker command prints. If it fails, return or_else, or raise UserError."""
    ran = subprocess.run([DOCKER, *arguments], capture_output=True, text=True)
    if ran.returncode and or_else is None:
        raise UserError(
            f"{DOCKER} {' '.join(arguments)} failed: {' '.join(ran.stderr.split())[-300:]}"
        )
    return or_else or "" if ran.returncode else ran.stdout.strip()
