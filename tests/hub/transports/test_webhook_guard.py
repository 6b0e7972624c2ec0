"""Where webhooks never go, before and after a name is resolved."""

from __future__ import annotations

import pytest

from hub.transports.webhook_guard import ForbiddenAddress, check_url, denied

DENIED = [
    ("64:ff9b::169.254.169.254", "NAT64 of the cloud's metadata; is_global says True"),
    ("64:ff9b::7f00:1", "NAT64 of loopback; is_global says True"),
    ("2002:7f00:1::", "6to4 of loopback; is_global says True"),
    ("fec0::1", "site-local; is_global says True"),
    ("::127.0.0.1", "IPv4-compatible; is_global says True"),
    ("224.0.0.1", "multicast; is_global says True"),
    ("::ffff:127.0.0.1", "IPv4-mapped"),
    ("64:ff9b:1::1", "local NAT64"),
    ("2001:0:7f00:1::", "Teredo"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback's other end"),
    ("::1", "loopback"),
    ("::", "unspecified"),
    ("0.0.0.0", "this host"),
    ("10.0.0.1", "private"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private's other end"),
    ("192.168.1.1", "private"),
    ("100.64.0.1", "shared by carriers"),
    ("169.254.169.254", "the cloud's metadata"),
    ("192.0.2.1", "documentation"),
    ("198.18.0.1", "benchmarks"),
    ("255.255.255.255", "broadcast"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local with a zone"),
    ("fd00::1", "unique local"),
    ("ff02::1", "multicast"),
    ("2001:db8::1", "documentation"),
    ("receiver.example", "no address at all"),
    ("", "nothing"),
]


@pytest.mark.parametrize("address", [row[0] for row in DENIED], ids=[f"{row[0]} {row[1]}" for row in DENIED])
def test_nothing_is_sent_to_an_address_that_is_not_public(address: str) -> None:
    assert denied(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4009::1"])
def test_a_public_address_is_not_denied(address: str) -> None:
    assert not denied(address)


FORBIDDEN = [
    ("http://gp.nhs.wales/hook", "not encrypted"),
    ("https://2130706433/", "127.0.0.1 as one decimal number"),
    ("https://0177.0.0.1/", "octal"),
    ("https://0x7f.0.0.1/", "hexadecimal"),
    ("https://0x7f000001/", "hexadecimal in one"),
    ("https://127.1/", "short form"),
    ("https://127.0.0.1/", "loopback"),
    ("https://[::1]/", "loopback"),
    ("https://[::ffff:10.0.0.1]/", "mapped"),
    ("https://[fe80::1%25eth0]/", "a zone"),
    ("https://a@gp.nhs.wales/", "a user"),
    ("http://a@127.0.0.1", "a user, and loopback"),
    ("https://gp.nhs.wales@127.0.0.1/", "the name is a user"),
    ("https://gp.nhs.wales:25/", "mail's port"),
    ("https://gp.nhs.wales:80/", "another port"),
    ("https://gp.nhs.wales:0/", "port 0"),
    ("https://gp.nhs.wales:99999/", "no port"),
    ("https://gp.nhs.wales:x/", "no number"),
    ("file:///etc/passwd", "a file"),
    ("gopher://gp.nhs.wales/", "another protocol"),
    ("https:///hook", "no host"),
    ("https://localhost/", "a name for loopback"),
    ("https://localhost./", "the same, absolute"),
    ("https://hub.internal/", "a name that only means something inside"),
    ("https://metadata/", "one label"),
    ("https://gp.nhs.wales/#f", "a fragment"),
    ("https://gp.nhs.wales\\@127.0.0.1/", "a backslash, which parsers read differently"),
    ("https://gp.nhs.wales/\r\nX: 1", "a line break"),
    ("https://gp.nhs.wales/ x", "a space"),
    ("https://g\u0440.nhs.wales/", "a look-alike letter"),
    ("https://gp.nhs.wales/" + "a" * 2_100, "longer than any address"),
    ("", "nothing"),
]


@pytest.mark.parametrize("url", [row[0] for row in FORBIDDEN], ids=[row[1] for row in FORBIDDEN])
def test_an_address_is_refused_when_a_client_is_registered(url: str) -> None:
    with pytest.raises(ForbiddenAddress) as refused:
        check_url(url, frozenset({("127.0.0.1", 9_000)}))
    assert "127" not in str(refused.value)


@pytest.mark.parametrize("url", ["https://gp.nhs.wales/hook?x=1", "https://gp.nhs.wales:8443/", "https://xn--caf-dma.example.org/", "https://8.8.8.8/"])
def test_a_public_address_is_taken(url: str) -> None:
    assert check_url(url).port in (443, 8443)


def test_an_address_inside_is_taken_only_when_host_and_port_are_both_allowed() -> None:
    allowed = frozenset({("127.0.0.1", 9_000)})
    assert check_url("http://127.0.0.1:9000/hook", allowed).scheme == "http"
    for url in ("http://127.0.0.1:9001/", "http://127.0.0.2:9000/", "http://localhost:9000/", "ftp://127.0.0.1:9000/"):
        with pytest.raises(ForbiddenAddress):
            check_url(url, allowed)
