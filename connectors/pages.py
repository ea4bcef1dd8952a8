"""Where a payer may be sent: to the provider's own hosts, or to the sandbox that we speak to (T65)."""

import re

# Read as strictly as a browser would never be: no user, no backslash, nothing but visible ASCII.
_URL = re.compile(
    r"(https?)://([A-Za-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?([/?][\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]*)?"
)


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, or nothing where it is no URL that we would open."""
    found = _URL.fullmatch(url)
    return f"{found[1]}://{found[2].lower()}{found[3] or ''}" if found else ""


class PageRules:
    """Which pages a payer may be sent to."""

    def __init__(self, hosts: str, endpoint: str) -> None:
        self._hosts = tuple(hosts.split())
        self._own = origin_of(endpoint)

    def allow(self, url: str) -> bool:
        """Whether the page is https on one of the hosts, or on the origin that we ask ourselves."""
        origin = origin_of(url)
        if not origin:
            return False
        if origin == self._own:
            return True
        scheme, _, host = origin.partition("://")
        return scheme == "https" and any(host == own or host.endswith(f".{own}") for own in self._hosts)
