"""The pages that a payer may be redirected to: on the provider's own hosts, or on our endpoint (T65)."""

import re

# Stricter than a browser: no user, no backslash, only visible ASCII.
_URL = re.compile(
    r"(https?)://([A-Za-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?([/?][\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]*)?"
)


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, or empty where it is malformed."""
    match = _URL.fullmatch(url)
    return f"{match[1]}://{match[2].lower()}{match[3] or ''}" if match else ""


class PageRules:
    """The pages that a payer may be redirected to."""

    def __init__(self, hosts: str, endpoint: str) -> None:
        self._hosts = tuple(hosts.split())
        self._own = origin_of(endpoint)

    def allow(self, url: str) -> bool:
        """Whether the page is https on one of the hosts, or on the origin of our endpoint."""
        origin = origin_of(url)
        if not origin:
            return False
        if origin == self._own:
            return True
        scheme, _, host = origin.partition("://")
        return scheme == "https" and any(host == own or host.endswith(f".{own}") for own in self._hosts)
