"""Start and stop a local AWS (ministack), which keeps its data in this checkout.

While it runs, every AWS command of this checkout goes to it. It listens on 127.0.0.1, unless
LOCAL_AWS_HOST names another address: on Linux, functions in containers reach it (for objects in S3)
only at 0.0.0.0.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from scripts.local.docker import require_engine
from scripts.local.ports import require_free
from scripts.project import ROOT
from shared.errors import UserError

HOME = ROOT / ".local-aws"
# There from `make local-aws` to `make local-aws-stop`, running or not: see scripts/aws/account.py.
ENDPOINT = HOME / "endpoint"
PID = HOME / "pid"
HOST = HOME / "host"  # the address that it listens on
LOOPBACK = "127.0.0.1"
ACCOUNT = "123456789012"  # the account that AWS's own documentation uses
KEY = "local"  # access key and secret key of its administrator; AWS itself does not know them
START_LIMIT = STOP_LIMIT = 30  # seconds


def start(port: int | None) -> None:
    """Start it in the background, or say that it runs; start it again if LOCAL_AWS_HOST is another
    address.

    port: None for 4566, or for the port of the one that runs. Raises UserError with the cause if
        it does not start.
    """
    wanted = os.environ.get("LOCAL_AWS_HOST")
    if running():
        url = ENDPOINT.read_text().strip()
        at = int(url.rsplit(":", 1)[1])
        if port not in (None, at):
            raise UserError(
                f"the local AWS runs already at {url}: run `make local-aws-stop` first, or leave "
                "AWS_PORT out"
            )
        if not wanted or wanted == host():
            print(f"the local AWS runs already at {url}")
            _tell_host()
            return
        again = f"starting it again to listen on {wanted} instead of {host()}: its data stays"
        print(again, flush=True)
        stop(quiet=True)
        port = at
    port = port or 4566
    require_engine("the local AWS runs functions in containers, so")
    require_free(port, "AWS_PORT")
    _launch(port, wanted or LOOPBACK)
    _tell_host()
    url = f"http://127.0.0.1:{port}"
    print(f"the local AWS runs at {url}: make push, deploy and all the others now go there.")
    print("`make local-aws-stop` stops it, and the same commands go to AWS again.")


def _launch(port: int, address: str) -> None:
    """Start ministack and wait until it answers. Raises UserError if it does not."""
    HOME.mkdir(exist_ok=True)
    log = HOME / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            cwd=HOME,
            env=environment(port, address),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in this terminal is not for it
        )
    PID.write_text(f"{process.pid}\n")
    ENDPOINT.write_text(f"http://127.0.0.1:{port}\n")
    HOST.write_text(f"{address}\n")
    end = time.monotonic() + START_LIMIT
    while not answers(port):
        if process.poll() is not None or time.monotonic() > end:
            stop(forget=True)
            raise UserError(f"the local AWS did not start: see {log.relative_to(ROOT)}")
        time.sleep(0.1)


def host() -> str | None:
    """Return the address that the local AWS of this checkout listens on; None if it was not
    started.
    """
    return HOST.read_text().strip() if ENDPOINT.exists() and HOST.exists() else None


def _tell_host() -> None:
    """Warn if it listens on other addresses than the loopback."""
    if host() != LOOPBACK:
        print(
            f"it listens on {host()}: functions in containers reach it there, and so may others "
            "on your network"
        )


def stop(forget: bool = False, quiet: bool = False) -> None:
    """Stop it. forget: delete its data too; quiet: do not say that AWS is used again."""
    if running():
        pid = int(PID.read_text())
        os.kill(pid, signal.SIGTERM)  # it saves its state and removes the functions' containers
        end = time.monotonic() + STOP_LIMIT
        while running():
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
            _reap(pid)
            time.sleep(0.1)
        if not quiet:
            print("the local AWS has stopped: the AWS commands go to AWS again")
    elif not ENDPOINT.exists():
        print("the local AWS does not run")
    PID.unlink(missing_ok=True)
    ENDPOINT.unlink(missing_ok=True)
    if forget:
        for data in ("state", "s3"):
            shutil.rmtree(HOME / data, ignore_errors=True)


def running() -> bool:
    """Return whether the process that `start` left is there. Another program may have its number
    after a restart of the machine.
    """
    try:
        pid = int(PID.read_text())
        if Path("/proc/self").exists():  # Linux; a zombie's command line is empty
            return b"ministack" in Path(f"/proc/{pid}/cmdline").read_bytes()
        command = ["ps", "-o", "args=", "-p", str(pid)]
        return "ministack" in subprocess.run(command, capture_output=True, text=True).stdout
    except (OSError, ValueError):  # no such file, no such process, or no number
        return False


def answers(port: int) -> bool:
    """Return whether something on 127.0.0.1:port answers as ministack does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def environment(port: int, address: str) -> dict[str, str]:
    """Return ministack's settings. The caller's own AWS settings and credentials are left out.

    address: that it listens on.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return {
        **inherited,
        "BIND_HOST": address,
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": "us-east-1",
        "AUTH": "true",  # check the policies of roles and resources, for the function's calls too
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(HOME / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(HOME / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def _reap(pid: int) -> None:
    """Wait for a process that has ended, if this one started it: it stays a zombie until then."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "command", choices=["start", "stop", "forget"], help="forget: stop, and delete its data"
    )
    parser.add_argument("--port", type=int, help="on 127.0.0.1 (default: 4566)")
    args = parser.parse_args()
    if args.command == "start":
        start(args.port)
    else:
        stop(forget=args.command == "forget")


if __name__ == "__main__":
    main()
