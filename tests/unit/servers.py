"""Servers that misbehave as a test asks, and host names that resolve to them as if they were on the
internet.
"""

import contextlib
import socket
import threading
import time

PUBLIC = "93.184.215.14"
OK = "HTTP/1.1 200 OK"


def replied(body, *headers, status=OK, kind="image/png"):
    """A whole HTTP response; kind None leaves the Content-Type out."""
    lines = [status, f"Content-Length: {len(body)}", *headers]
    lines += [f"Content-Type: {kind}"] if kind is not None else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def redirected(location, status="302 Found"):
    """A redirect to a location."""
    return replied(b"", f"Location: {location}", status=f"HTTP/1.1 {status}")


def dripping(start, byte=b"x"):
    """A response that starts as given and goes on, a byte at a time, for longer than a test
    waits.
    """

    def reply(connection):
        connection.sendall(start)
        for _ in range(60):
            time.sleep(0.03)
            connection.sendall(byte)

    return reply


def endless(start):
    """A response that starts as given and goes on with a megabyte after the other."""

    def reply(connection):
        connection.sendall(start)
        for _ in range(60):
            connection.sendall(b"x" * 1_000_000)

    return reply


class Internet:
    """Names resolve as `names` says, and whatever address is connected to, a server of this machine
    answers.

    names: {host: [address, …]}, or a function that gives the addresses. Other hosts resolve as they
        do.
    looked_up, connected, requests: what was asked of it, in order.
    """

    def __init__(self, monkeypatch):
        self.names, self.looked_up, self.connected, self.requests = {}, [], [], []
        self.tls = None
        self._replies = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._resolve, connect = socket.getaddrinfo, socket.socket.connect
        monkeypatch.setattr(socket, "getaddrinfo", self._getaddrinfo)
        monkeypatch.setattr(
            socket.socket, "connect", lambda this, address: self._connect(connect, this, address)
        )

    def serve(self, reply, path="/photo", host="photos.example", addresses=(PUBLIC,)):
        """The URL that leads to a response: bytes, or a function of the connection."""
        self.names.setdefault(host, list(addresses))
        self._replies[path] = reply
        return f"http{'s' if self.tls else ''}://{host}{path}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _getaddrinfo(self, host, port, *rest, **options):
        self.looked_up.append(host)
        addresses = self.names.get(host, [host])
        found = [
            self._resolve(each, port, *rest, **options)
            for each in (addresses() if callable(addresses) else addresses)
        ]
        return [entry for entries in found for entry in entries]

    def _connect(self, connect, this, address):
        self.connected.append(address[0])
        return connect(this, ("127.0.0.1", self.port))

    def _accept(self):
        with contextlib.suppress(OSError):  # closed at the end of the test
            while True:
                threading.Thread(
                    target=self._answer, args=self._listener.accept()[:1], daemon=True
                ).start()

    def _answer(self, connection):
        with contextlib.suppress(OSError), connection:  # the client hangs up, as it should
            connection.settimeout(2)
            with (
                self.tls.wrap_socket(connection, server_side=True)
                if self.tls
                else connection as stream
            ):
                request = b""
                while b"\r\n\r\n" not in request and (more := stream.recv(65536)):
                    request += more
                    if not request.startswith(b"GET /"):  # TLS, to a server that has none
                        return
                self.requests.append(request.decode())
                reply = self._replies[request.split()[1].decode()]
                if callable(reply):
                    reply(stream)
                else:
                    stream.sendall(reply)
