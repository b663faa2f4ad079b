"""A machine without a network, for all tests: sockets reach this machine alone."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

LOCAL = {"localhost", "localhost.localdomain", "ip6-localhost", socket.gethostname(), "", None}


def is_local(host: Any) -> bool:
    """Whether a host is this machine."""
    host = host.decode() if isinstance(host, bytes) else host
    try:
        return host in LOCAL or ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


@contextmanager
def no_network() -> Iterator[list[Any]]:
    """Refuse every connection and look-up of another machine in a block, as without a network; yield those tried."""
    tried: list[Any] = []
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def refused(one: socket.socket, address: Any) -> bool:
        if one.family not in (socket.AF_INET, socket.AF_INET6) or is_local(address[0]):
            return False
        tried.append(address)
        return True

    def connecting(self: socket.socket, address: Any) -> None:
        if refused(self, address):
            raise OSError(errno.ENETUNREACH, f"tests reach no other machine: {address}")
        connect(self, address)

    def connecting_ex(self: socket.socket, address: Any) -> int:
        return errno.ENETUNREACH if refused(self, address) else connect_ex(self, address)

    def looking_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_local(host):
            tried.append(host)
            raise socket.gaierror(socket.EAI_AGAIN, f"tests reach no other machine: {host}")
        return look_up(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connecting)
        patch.setattr(socket.socket, "connect_ex", connecting_ex)
        patch.setattr(socket, "getaddrinfo", looking_up)
        yield tried
