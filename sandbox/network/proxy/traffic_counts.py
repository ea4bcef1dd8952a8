"""The traffic counts of one far side's proxy."""

from collections import Counter

from sandbox.network.proxy.faults import NetworkFault

_METHODS = frozenset((b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS"))
_LINE_BYTES_MAX = 256
_PATH_PARTS = 3
_PATHS_MAX = 100
_OTHER_PATH = "other"


class TrafficCounts:
    """Counts connections, exchanges by path, and faults."""

    def __init__(self) -> None:
        self.connections = 0
        self.exchanges = 0
        self.struck: Counter[NetworkFault] = Counter()
        self._paths: Counter[str] = Counter()

    def count_exchange(self, opening: bytes) -> None:
        """One exchange has begun with these bytes."""
        self.exchanges += 1
        path = _path_prefix(opening)
        if path not in self._paths and len(self._paths) >= _PATHS_MAX:
            path = _OTHER_PATH
        self._paths[path] += 1

    def listing(self) -> dict[str, object]:
        """All counts; a path is cut after its third part, and what is no HTTP request is `other`."""
        return {
            "connections": self.connections,
            "exchanges": self.exchanges,
            "struck": {fault.value: count for fault, count in self.struck.items()},
            "paths": dict(self._paths),
        }


def _path_prefix(opening: bytes) -> str:
    method, _, rest = opening[:_LINE_BYTES_MAX].partition(b" ")
    target, space, _ = rest.partition(b" ")
    if method not in _METHODS or not space or not target.startswith(b"/"):
        return _OTHER_PATH
    parts = target.partition(b"?")[0].split(b"/", _PATH_PARTS + 1)
    return b"/".join(parts[: _PATH_PARTS + 1]).decode("ascii", "replace")
