"""Ways to write the address of a host that no webhook may reach, for every parser and resolver that may be fooled."""

from collections.abc import Iterator
from ipaddress import IPv4Address

INSIDE = (
    *("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.7", "100.64.0.1", "169.254.169.254", "169.254.170.2"),
    *("172.16.0.1", "192.168.1.1", "198.18.0.1", "168.63.129.16", "192.0.0.192", "224.0.0.1", "255.255.255.255"),
)
INSIDE_V6 = (
    *("::", "::1", "fd00:ec2::254", "fc00::1", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "ff0e::1", "100::1"),
    *("2001:db8::1", "2001::7f00:1", "3fff::1", "5f00::1", "4000::1"),
)


def spelled(address: str) -> Iterator[str]:
    """An IPv4 address in the forms that some resolver takes."""
    number = int(IPv4Address(address))
    a, b, c, d = IPv4Address(address).packed
    yield address
    yield f"{address}."
    yield str(number)
    yield hex(number)
    yield hex(number).upper().replace("0X", "0x")
    yield f"0{number:o}"
    yield f"{a}.{b}.{c * 256 + d}"
    yield f"{a}.{b * 65536 + c * 256 + d}"
    yield f"{a:#x}.{b:#x}.{c:#x}.{d:#x}"
    yield f"0{a:o}.0{b:o}.0{c:o}.0{d:o}"
    yield f"{a:#x}.{b}.0{c:o}.{d}"
    yield f"000{a:o}.{b}.{c}.{d}"


def mapped(address: str) -> Iterator[str]:
    """An IPv4 address inside an IPv6 one: mapped, translated, compatible, NAT64, local NAT64, 6to4, Teredo, ISATAP."""
    number = int(IPv4Address(address))
    high, low = number >> 16, number & 0xFFFF
    for prefix in ("::ffff:", "::ffff:0:", "::", "64:ff9b::", "64:ff9b:1::", "fe80::5efe:"):
        yield f"{prefix}{high:x}:{low:x}"
    yield f"::ffff:{address}"
    yield f"2002:{high:x}:{low:x}::1"
    yield f"2001:0:{high:x}:{low:x}::{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}"


def literals() -> list[str]:
    """Every host of a URL that is an address inside."""
    v4 = [form for address in INSIDE for form in spelled(address)]
    v6 = [form for address in INSIDE for form in mapped(address)] + list(INSIDE_V6)
    return v4 + [f"[{form}]" for form in v6]


def addresses() -> list[str]:
    """Every address inside, as a resolver gives it."""
    return [*INSIDE, *INSIDE_V6, *(form for address in INSIDE for form in mapped(address))]


def urls(port: int) -> list[str]:
    """URLs that lead inside, or try to by being read in two ways. port: where something listens there."""
    shapes = [f"https://{host}/" for host in literals()]
    shapes += [f"https://{host}:{port}/" for host in literals()]
    for host in ("127.0.0.1", "localhost", "169.254.169.254", "[::1]"):
        inside = f"{host}:{port}"
        shapes += [
            f"http://{inside}/",
            f"gopher://{inside}/_x",
            f"https://hooks.example.com@{inside}/",
            f"https://hooks.example.com:443@{inside}/",
            f"https://{inside}#@hooks.example.com/",
            f"https://{inside}?@hooks.example.com/",
            f"https://{inside}\\@hooks.example.com/",
            f"https://{inside}%23@hooks.example.com/",
            f"https://{inside}%00.hooks.example.com/",
            f"https://{inside}\t.hooks.example.com/",
            f"https://{inside} .hooks.example.com/",
            f"https:///{inside}/",
            f"https:{inside}/",
            f"https:\\\\{inside}\\",
            f"https://hooks.example.com\r\nHost: {inside}\r\n/",
            f"//{inside}/",
        ]
    shapes += [
        f"https://{host}:{port}/" for host in ("localhost", "LOCALHOST", "localhost.", "a.localhost", "ip6-localhost")
    ]
    # Digits that some parsers fold into ASCII: full-width, circled, superscript.
    folded = ("\uff11\uff12\uff17.0.0.1", "①②⑦.⓪.⓪.①", "¹27.0.0.1", "127。0。0。1", "ⓛocalhost")
    return shapes + [f"https://{host}:{port}/" for host in folded]
