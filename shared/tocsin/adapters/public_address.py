"""Which resolved addresses are on the public Internet."""

from ipaddress import IPv6Address, ip_address, ip_network

# `ipaddress.is_global` is no help: it calls multicast, NAT64, 6to4 and the cloud's own 168.63.129.16 global.
_PRIVATE_V4 = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
    )
)
_UNICAST_V6 = ip_network("2000::/3")
# Protocol assignments with Teredo, documentation twice, 6to4: each can carry a private IPv4 address or is no host.
_PRIVATE_V6 = tuple(ip_network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))


def is_public(address: str) -> bool:
    """Tell whether an address, as the resolver returned it, belongs to a host on the public Internet."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is None:
            return ip in _UNICAST_V6 and not any(ip in network for network in _PRIVATE_V6)
        ip = ip.ipv4_mapped
    return not any(ip in network for network in _PRIVATE_V4)
