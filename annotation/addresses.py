"""Which addresses lie outside every private network, also where one address is wrapped in another."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_TEREDO = IPv6Network("2001::/32")
_CLOSED = (IPv4Network("192.88.99.0/24"), IPv6Network("3fff::/20"))
"""6to4 relays and documentation, which Python's registry takes for open."""
_ISATAP = (0x00005EFE, 0x02005EFE)


def is_public(address: str) -> bool:
    """Whether the address is one of the open internet; wrapped IPv4 addresses are judged by themselves.

    IPv4-mapped and IPv4-compatible, NAT64, 6to4 and ISATAP addresses lead to the IPv4 address within; Teredo leads
    through a relay, and is never public.
    """
    found = ip_address(address.split("%")[0])
    inner = _unwrap(found) if isinstance(found, IPv6Address) else None
    if inner is not None and not _is_open(inner):
        return False
    # A wrapper's own entry in the registries says little of where it leads.
    return _is_wrapper(found) or (found not in _TEREDO and _is_open(found))


def _is_open(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (
        any(address in network for network in _CLOSED)
        or address.is_multicast
        or address.is_reserved
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or (isinstance(address, IPv6Address) and address.is_site_local)
    )


def _is_wrapper(address: IPv4Address | IPv6Address) -> bool:
    return isinstance(address, IPv6Address) and (
        address.ipv4_mapped is not None or address.sixtofour is not None or address in _NAT64
    )


def _unwrap(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    last = int(address) & 0xFFFFFFFF
    is_isatap = int(address) >> 32 & 0xFFFFFFFF in _ISATAP
    return IPv4Address(last) if address in _NAT64 or address in _COMPATIBLE or is_isatap else None
