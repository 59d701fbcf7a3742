"""Which addresses we may call for others, so that nobody makes us call our own network."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host at a port, best first. Raises `OSError` where there are none."""

_FORBIDDEN = tuple(
    ip_network(network)
    for network in (
        "100.64.0.0/10",  # carriers' shared space (RFC 6598), and clouds' own services
        "168.63.129.16/32",  # Azure's platform services, on a public address
        "192.0.0.0/24",  # protocol assignments, among them translators' own addresses
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_ISATAP = {0x00005EFE, 0x02005EFE}
_LOW_32 = 0xFFFFFFFF
_LOOKING_UP = ThreadPoolExecutor(32, thread_name_prefix="names")
"""Looks names up: a name server that hangs holds up no thread that others need."""


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver, which also reads the odd spellings of IPv4 addresses."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    answers = await asyncio.get_running_loop().run_in_executor(_LOOKING_UP, look_up)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def as_written(host: str) -> str | None:
    """The address that a host is by itself, in whatever spelling; None if it is a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def is_public(address: str) -> bool:
    """Whether an address is on the internet, by itself and by every IPv4 address inside it."""
    outer = ip_address(address.partition("%")[0])
    return all(_is_public(each) for each in (outer, *_embedded(outer)))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return address in _NAT64
    reachable = address.is_global and not address.is_multicast
    return reachable and not any(address in network for network in _FORBIDDEN)


def _embedded(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses to which a gateway or tunnel could forward an IPv6 address."""
    if isinstance(address, IPv4Address):
        return []
    low = IPv4Address(int(address) & _LOW_32)
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(low)
    if int(address) >> 32 & _LOW_32 in _ISATAP:
        found.append(low)
    return [inner for inner in found if inner is not None]
