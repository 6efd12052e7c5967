"""The addresses of this machine on the networks that it is part of, found without sending anything."""

import ipaddress
import socket
import struct
import sys

ELSEWHERE = ("203.0.113.1", 9)  # for documentation (RFC 5737); a UDP socket bound for it sends nothing, but says by which way it would go
READ_ADDRESS = {"linux": 0x8915, "darwin": 0xC0206921}  # SIOCGIFADDR of an interface
TO_GUESTS = ("docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "lxc", "podman")  # interfaces that lead into this machine


def network_addresses() -> list[str]:
    """IPv4 addresses under which others may reach this machine, the likeliest first; none without a network.

    First comes the one by which it would go out, then those of the other interfaces. Loopback and self-given (169.254) ones are left out.
    """
    found = [_way_out(), *_of_interfaces()]
    return [address for address in dict.fromkeys(filter(None, found)) if _useful(address)]


def _useful(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified)


def _way_out() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
        except OSError:  # no way out: a network without a router, or none
            return None
        return probe.getsockname()[0]


def _of_interfaces() -> list[str]:
    if sys.platform == "win32":  # it knows its own name's addresses; elsewhere a name server would be asked
        return [address[4][0] for address in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    if sys.platform not in READ_ADDRESS:
        return []
    import fcntl  # only there
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            if name.startswith(TO_GUESTS):
                continue
            try:
                answer = fcntl.ioctl(probe.fileno(), READ_ADDRESS[sys.platform], struct.pack("256s", name.encode()[:15]))
            except OSError:  # this interface has no address
                continue
            found.append(socket.inet_ntoa(answer[20:24]))  # behind the name (16 bytes), family and port
    return found
