import ipaddress
import socket
from collections.abc import Iterator

import pytest
from loopback_site import Reply, Site, site

from pipelines.fetch import addresses
from pipelines.fetch.addresses import ForbiddenAddress, check, connect, is_open, places, plain, proxy_of
from pipelines.fetch.http import fetch
from schemas.acquire import Acquire
from schemas.errors import SourceUnavailable

STRICT = Acquire(delay_s=0, tries=1)


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as made:
        yield made


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104 - an address to be refused
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.0.192",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
    ],
)
def test_the_own_network_is_closed_however_it_is_written(address: str):
    assert not is_open(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_open(address: str):
    assert is_open(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0", "[::ffff:7f00:1]", "[::1]"]
)
def test_other_spellings_of_loopback_reach_nothing(host: str, web: Site, tmp_path):
    with pytest.raises(SourceUnavailable, match=r"inside the own network|unknown"):
        fetch(f"http://{host}:{web.port}/x", tmp_path / "x", STRICT)
    assert web.asked == []


@pytest.mark.parametrize("way", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "to", ["http://127.0.0.1:{}/secret", "http://[::ffff:127.0.0.1]:{}/secret", "//localhost:{}/secret"]
)
def test_a_redirect_into_the_own_network_reaches_nothing(way: int, to: str, tmp_path):
    with site() as inner, site() as outer:
        outer.serve("/x", Reply(status=way, headers=(("Location", to.format(inner.port)),)))
        # The outer site stands for a public one: it alone is allowed, under a name that is not the inner one's.
        how = STRICT.model_copy(update={"private_addresses": ("ip4-loopback.test",)})
        with pytest.MonkeyPatch.context() as patch:
            answer_names(patch, {"ip4-loopback.test": ["127.0.0.1"]})
            with pytest.raises(ForbiddenAddress, match="inside the own network"):
                fetch(f"http://ip4-loopback.test:{outer.port}/x", tmp_path / "x", how)
        assert len(outer.asked) == 1
        assert inner.asked == []


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://x.org/a", "gopher://x", "data:,x", "javascript:1"])
def test_a_redirect_to_another_scheme_is_refused(to: str, web: Site, tmp_path):
    web.serve("/x", Reply(status=302, headers=(("Location", to),)))
    how = STRICT.model_copy(update={"private_addresses": ("127.0.0.1",)})
    with pytest.raises(SourceUnavailable, match="only http and https"):
        fetch(f"{web.url}/x", tmp_path / "x", how)


def answer_names(patch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> list[str]:
    """Answer names as a name server under the attacker's hand would: the next answer each time. The names asked."""
    real, asked = socket.getaddrinfo, []

    def answer(host, port, *args, **kwargs):
        if host not in names:
            return real(host, port, *args, **kwargs)
        asked.append(host)
        turn = min(asked.count(host), len(names[host])) - 1
        return real(names[host][turn], port, *args, **kwargs)

    patch.setattr(socket, "getaddrinfo", answer)
    return asked


def test_a_name_whose_answer_changes_is_asked_once_and_that_answer_is_used(web: Site, monkeypatch: pytest.MonkeyPatch):
    """DNS rebinding: public when it is checked, loopback when it is connected to."""
    tried: list[str] = []

    class Socket(socket.socket):
        def connect(self, address):
            tried.append(address[0])
            raise OSError(111, "refused here, so that no test leaves the machine")

    asked = answer_names(monkeypatch, {"rebind.test": ["93.184.216.34", "127.0.0.1"]})
    monkeypatch.setattr(addresses.socket, "socket", Socket)
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        connect("rebind.test", web.port, STRICT)
    assert asked == ["rebind.test"]
    assert tried == ["93.184.216.34"]
    with pytest.raises(ForbiddenAddress):
        connect("rebind.test", web.port, STRICT)
    assert tried == ["93.184.216.34"]
    assert web.asked == []


def test_one_inner_answer_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch):
    def both(host, port, *args, **kwargs):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found, port)) for found in ("8.8.8.8", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with pytest.raises(ForbiddenAddress, match=r"10\.0\.0\.1"):
        places("mixed.test", 80, STRICT)


def test_named_hosts_are_let_in_and_no_other(web: Site, tmp_path):
    web.serve("/x", Reply(b"here"))
    how = STRICT.model_copy(update={"private_addresses": ("127.0.0.1",)})
    assert fetch(f"{web.url}/x", tmp_path / "x", how)[1] == 4
    with pytest.raises(ForbiddenAddress, match=r"acquire\.private_addresses: \[localhost\]|unknown") as caught:
        fetch(f"http://localhost:{web.port}/x", tmp_path / "x", how)
    assert "localhost" in caught.value.do


@pytest.mark.parametrize(
    "url", ["http://a\nb/x", "http://x/a b\r\nHost: evil", "http://[::1", "http://x:99999999/", "//x/y"]
)
def test_malformed_addresses_are_refused(url: str):
    with pytest.raises(ForbiddenAddress):
        check(url, STRICT)


def test_plain_addresses_hold_no_secret():
    assert plain("https://me:secret@host.test:8443/a\x1b[31mb?sig=secret#secret") == "https://host.test:8443/a?[31mb"


def test_the_proxy_comes_from_the_environment_and_named_inner_hosts_do_without(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AFFECTLOOM_PROXY", "http://user:word@proxy.test:3128")
    found = proxy_of("https://example.org/x", STRICT)
    assert found is not None
    assert (found.hostname, found.port, found.username) == ("proxy.test", 3128, "user")
    assert proxy_of("http://127.0.0.1/x", Acquire(private_addresses=("127.0.0.1",))) is None
