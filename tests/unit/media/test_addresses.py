# ruff: noqa: S104, SIM905  (0.0.0.0 is a destination here; tables read best as text)

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given, strategies as st

from visus.media.addresses import (
    CLOSED_IPV4,
    METADATA_SERVICES,
    AddressPolicy,
    embedded_ipv4,
    is_public,
)
from visus.media.guard import is_own_address

CLOSED = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255
127.0.0.1 127.255.255.254 169.254.169.254 169.254.0.1 172.16.0.1 172.31.255.255 192.0.0.8
192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.175.48.1
198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1
255.255.255.255 168.63.129.16 :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:8.8.8.8
::ffff:0:7f00:1 ::8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::a9fe:a9fe 100::1
2001::1 2001:0:7f00:1:: 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::
2002:808:808:: 2620:4f:8000::1 3ffe::1 3fff::1 3fff:fff:ffff::1 5f00::1 fc00::1
fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1 4000::1 2a00::5efe:7f00:1
2a00::200:5efe:a9fe:a9fe 2606:4700::1%1
""".split()

OPEN = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0
126.255.255.255 128.0.0.1 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0
191.255.255.255 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
223.255.255.255 168.63.129.15 168.63.129.17 2606:4700::6810:84e5 2a00:1450:4001::200e
2001:4860:4860::8888 2001:200::1 2a00::5efe:808:808
""".split()


@pytest.mark.parametrize("text", CLOSED)
def test_what_is_not_the_open_internet_is_closed(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", OPEN)
def test_the_open_internet_is_open(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("network", CLOSED_IPV4, ids=str)
def test_the_first_and_the_last_address_of_every_closed_network_are_closed(
    network: object,
) -> None:
    assert not is_public(network[0])
    assert not is_public(network[-1])


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("::ffff:7f00:1", ["127.0.0.1"]),
        ("::ffff:0:7f00:1", ["127.0.0.1"]),
        ("::7f00:1", ["127.0.0.1"]),
        ("64:ff9b::7f00:1", ["127.0.0.1"]),
        ("64:ff9b:1::a9fe:a9fe", ["169.254.169.254", "0.0.0.0"]),
        ("64:ff9b:1:a9fe:a9:fe00::", ["0.0.0.0", "169.254.169.254"]),
        ("2002:7f00:1::", ["127.0.0.1"]),
        ("2001:0:a00:1::80ff:fefe", ["10.0.0.1", "127.0.1.1"]),
        ("2a00::5efe:a00:1", ["10.0.0.1"]),
        ("2a00::1", []),
        ("10.0.0.1", []),
    ],
)
def test_an_ipv4_address_inside_another_is_found(text: str, inner: list[str]) -> None:
    assert [str(found) for found in embedded_ipv4(ip_address(text))] == inner


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:", "64:ff9b::", "::", "2002:"]))
def test_no_ipv6_spelling_of_an_ipv4_address_is_public(inner: IPv4Address, prefix: str) -> None:
    first, second = f"{int(inner):08x}"[:4], f"{int(inner):08x}"[4:]
    tail = "::" if prefix == "2002:" else ""
    assert not is_public(IPv6Address(f"{prefix}{first}:{second}{tail}"))


def test_an_admitted_network_is_admitted_and_its_neighbours_are_not() -> None:
    policy = AddressPolicy(admit_networks=(ip_network("10.1.0.0/30"),))
    assert [policy.admits(ip_address(f"10.1.0.{last}"), 80) for last in (0, 1, 3, 4)] == [
        True,
        True,
        True,
        False,
    ]
    assert policy.admits(ip_address("8.8.8.8"), 80)


def test_nothing_private_is_admitted_by_default() -> None:
    policy = AddressPolicy()
    assert not any(policy.admits(ip_address(text), 80) for text in CLOSED)


@pytest.mark.parametrize("text", ["::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"])
def test_admitting_the_outer_form_does_not_admit_the_inner_address(text: str) -> None:
    outer = ip_network(text)
    assert not AddressPolicy(admit_networks=(outer,)).admits(ip_address(text), 80)
    both = AddressPolicy(admit_networks=(outer, ip_network("10.0.0.0/8")))
    assert both.admits(ip_address(text), 80)


def test_admitting_the_inner_address_does_not_admit_its_ipv6_spelling() -> None:
    policy = AddressPolicy(admit_networks=(ip_network("127.0.0.0/8"),))
    assert policy.admits(ip_address("127.0.0.1"), 80)
    assert not policy.admits(ip_address("::ffff:127.0.0.1"), 80)


@pytest.mark.parametrize("address", sorted(METADATA_SERVICES, key=str), ids=str)
def test_a_metadata_service_opens_only_by_its_exact_name(address: object) -> None:
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    assert not AddressPolicy(admit_networks=everything).admits(address, 80)
    assert AddressPolicy(admit_networks=(ip_network(address),)).admits(address, 80)


@pytest.mark.parametrize("text", ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "10.0.0.7"])
def test_our_own_socket_stays_closed_whatever_is_admitted(text: str) -> None:
    policy = AddressPolicy(
        admit_networks=(ip_network("0.0.0.0/0"), ip_network("::/0")),
        own_ports=frozenset({8000}),
        is_own=lambda address: address == ip_address("10.0.0.7"),
    )
    assert not policy.admits(ip_address(text), 8000)
    assert policy.admits(ip_address(text), 8001)


def test_our_own_public_address_is_closed_on_every_port_unless_admitted() -> None:
    policy = AddressPolicy(is_own=lambda address: address == ip_address("8.8.8.8"))
    assert not policy.admits(ip_address("8.8.8.8"), 443)
    assert not policy.admits(ip_address("64:ff9b::808:808"), 443)
    assert policy.admits(ip_address("8.8.4.4"), 443)


def test_an_upstream_is_closed_by_name_and_by_address() -> None:
    policy = AddressPolicy(
        admit_networks=(ip_network("127.0.0.0/8"),),
        refused_origins=frozenset({("127.0.0.1", 9000), ("vllm.test", 443)}),
    )
    assert not policy.admits(ip_address("127.0.0.1"), 9000)
    assert policy.admits(ip_address("127.0.0.1"), 9001)
    assert not policy.admits_origin("vllm.test", 443)
    assert policy.admits_origin("vllm.test", 80)


def test_this_machine_knows_its_own_addresses() -> None:
    assert is_own_address(ip_address("127.0.0.1"))
    assert not is_own_address(ip_address("192.0.2.1"))
