"""The layer of the switch that a sampled stack belongs to, and sums over stacks. Pure."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

Frame = tuple[str, str]  # the file and the function
Stack = tuple[Frame, ...]  # the innermost frame first


class Layer(StrEnum):
    """The parts that a payment's processor time is divided into."""

    HTTP = "HTTP server and middlewares"
    JWE = "tokens and JWE"
    PARSING = "parsing and answering messages"
    FLOW = "flow and domain"
    GROUP_COMMIT = "group commit: gathering, judging, rows"
    DRIVER = "driver and SQLAlchemy"
    WIRE = "call of the biller"
    LOGGING = "log lines"
    METRICS = "metrics"
    LOOP = "event loop"
    REST = "rest"


Named = TypeVar("Named", Layer, Frame)

# By the prefix of a file's short name; the longest match counts. Files without a match (the standard library,
# small libraries) are skipped: they work for the calling frame.
LAYERS = {
    "uvicorn/": Layer.HTTP,
    "httptools/": Layer.HTTP,
    "starlette/": Layer.HTTP,
    "fastapi/": Layer.HTTP,
    "ekpay_switch/api/": Layer.HTTP,
    "ekpay_switch/edge_kit/": Layer.HTTP,
    "ekpay_switch/web/": Layer.HTTP,
    "joserfc/": Layer.JWE,
    "cryptography/": Layer.JWE,
    "ekpay_switch/security/": Layer.JWE,
    "ekpay_switch/security/identifiers.py": Layer.FLOW,
    "ekpay_switch/api/partner_crypto.py": Layer.JWE,
    "pydantic": Layer.PARSING,
    "ekpay_switch/api/strict_json.py": Layer.PARSING,
    "ekpay_switch/api/syndicate/": Layer.PARSING,
    "ekpay_switch/flows/": Layer.FLOW,
    "ekpay_switch/domain/": Layer.FLOW,
    "ekpay_switch/ports/": Layer.FLOW,
    "ekpay_switch/": Layer.FLOW,
    "ekpay_switch/persistence/": Layer.GROUP_COMMIT,
    "asyncpg/": Layer.DRIVER,
    "sqlalchemy/": Layer.DRIVER,
    "aiohttp/": Layer.WIRE,
    "yarl/": Layer.WIRE,
    "multidict/": Layer.WIRE,
    "ekpay_switch/wire/": Layer.WIRE,
    "ekpay_switch/wing_kit/": Layer.WIRE,
    "biller_adapters/": Layer.WIRE,
    "connectors/": Layer.WIRE,
    "structlog/": Layer.LOGGING,
    "ekpay_switch/telemetry.py": Layer.LOGGING,
    "prometheus_client/": Layer.METRICS,
    "uvloop/": Layer.LOOP,
    "asyncio/": Layer.LOOP,
    "ekpay_switch/cli/": Layer.REST,
    "ekpay_switch/jobs/": Layer.REST,
    "ekpay_switch/composition/": Layer.REST,
    "ekpay_switch/config_files/": Layer.REST,
    "benchmarks/": Layer.REST,
}
_OURS = ("ekpay_switch/", "biller_adapters/", "connectors/")
_STARTED_BY = "ekpay_switch/cli/"
_BEFORE_A_PACKAGE = re.compile(r".*/(?:site-packages|python3\.\d+)/", re.DOTALL)
_BEFORE_OURS = re.compile(r".*/(?=(?:ekpay_switch|biller_adapters|connectors|benchmarks)/)", re.DOTALL)
# Frames at the bottom of almost every stack come from the start of the process.
_UNDER_ALL = 0.9
NOTHING_OF_OURS = ("", "event loop and HTTP server by themselves")


@dataclass(frozen=True, slots=True)
class Profile:
    """Shares of the samples: by layer, by the innermost function, by function on the stack, by ours.

    `by_ours` assigns a sample to the innermost frame of our own code, including called libraries.
    """

    samples: int
    layers: dict[Layer, float]
    own: dict[Frame, float]
    cumulative: dict[Frame, float]
    by_ours: dict[Frame, float]

    def doubt(self, share: float) -> float:
        """Half the width of the 95 % confidence interval of a measured share."""
        return 1.96 * math.sqrt(share * (1 - share) / max(self.samples, 1))


def short(file: str) -> str:
    """A file's name from its package on, or its last part, without the folders of this machine."""
    if "/site-packages/" in file or "/python3." in file:
        file = _BEFORE_A_PACKAGE.sub("", file)
    file = _BEFORE_OURS.sub("", file)
    return file.rpartition("/")[2] if file.startswith("/") else file


def layer_of(stack: Sequence[Frame]) -> Layer:
    """The layer of the innermost frame that has one; `rest` where none has."""
    for file, _ in stack:
        layer = _layer_of_file(short(file))
        if layer is not None:
            return layer
    return Layer.REST


def _layer_of_file(name: str) -> Layer | None:
    fitting = [beginning for beginning in LAYERS if name.startswith(beginning)]
    return LAYERS[max(fitting, key=len)] if fitting else None


def profile_of(counted: Iterable[tuple[Stack, int]]) -> Profile:
    """Sum up samples."""
    layers: Counter[Layer] = Counter()
    own, cumulative, by_ours = Counter[Frame](), Counter[Frame](), Counter[Frame]()
    total = 0
    for stack, count in counted:
        total += count
        named = [(short(file), function) for file, function in stack]
        layers[layer_of(stack)] += count
        cumulative.update(dict.fromkeys(named, count))
        ours = next((frame for frame in named if _is_ours(frame[0])), NOTHING_OF_OURS)
        own[named[0] if named else NOTHING_OF_OURS] += count
        by_ours[ours] += count
    above = {frame: count for frame, count in cumulative.items() if count < _UNDER_ALL * total}
    return Profile(
        total, _shares(layers, total), _shares(own, total), _shares(above, total), _shares(by_ours, total)
    )


def _is_ours(name: str) -> bool:
    return name.startswith(_OURS) and not name.startswith(_STARTED_BY)


def _shares(counted: Mapping[Named, int], total: int) -> dict[Named, float]:
    ordered = sorted(counted.items(), key=lambda item: (-item[1], str(item[0])))
    return {name: count / total for name, count in ordered}
