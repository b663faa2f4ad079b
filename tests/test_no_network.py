"""The tests reach no other machine, and a Hub name without a network is refused after one look, not after six."""

from __future__ import annotations

import socket

import pytest

from safr_lens import HookedClassifier, load_data
from safr_lens.errors import SafrLensError
from tests.no_network import is_local, no_network


@pytest.mark.parametrize("host", ["1.1.1.1", "example.org", "::2", "10.0.0.1"])
def test_another_machine_is_out_of_reach(host):
    with pytest.raises(OSError, match="no other machine"):
        socket.create_connection((host, 80), timeout=1)
    assert not is_local(host)


def test_this_machine_is_within_reach():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as one:
        assert one.getpeername() == server.getsockname()
    first, second = socket.socketpair()
    first.close(), second.close()


@pytest.mark.parametrize(
    "opened",
    [
        load_data,
        HookedClassifier.from_pretrained,
        lambda name: HookedClassifier.from_pretrained_backbone(name, labels=["bad", "good"]),
    ],
    ids=["data", "run", "encoder"],
)
def test_a_hub_name_without_a_network_fails_after_one_look(opened, recwarn):
    with no_network() as tried, pytest.raises(SafrLensError, match="no local f"):
        opened("nobody/no-such-thing")
    assert len(tried) <= 2


@pytest.mark.parametrize("name", ["rotten_tomatoes", "reviews.csv"])
def test_what_is_no_hub_name_is_not_looked_up(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews.csv").write_text("text,label\n" + "".join(f"film {i},{i % 2}\n" for i in range(40)))
    with no_network() as tried:
        load_data(name)
    assert not tried
