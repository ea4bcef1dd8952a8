"""A whole installation as `ekpay run` opens it, for a browser to walk through: switch, providers, ekShop.

The routing of a copy of the configuration is told by the amount which acquirer takes a card, so that the page
of each family can be reached from the checkout as a payer reaches it.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

ROOT = Path(__file__).parents[2]
EKPAY = str(Path(sys.executable).with_name("ekpay"))
# Where `ekpay run` puts the billers above its own port, and the control of the proxy above them.
BILLERS_ABOVE, CONTROL_ABOVE = 10, 129
FAMILIES_ABOVE = range(4, 12)
READY_SECONDS = 600.0
STOP_SECONDS = 300.0
POLL_SECONDS = 0.2
# Above it the rules ask sslcommerz for a card, above the next one shurjoPay: their families come after the
# banks' own in the order of the real rules.
BY_SSLCOMMERZ_TAKA, BY_SHURJOPAY_TAKA = 20_000, 40_000
RULES = f"""
[[rules]]
name = "browser: large sums by sslcommerz"
instruments = ["card"]
amount_min = "{BY_SSLCOMMERZ_TAKA}.00"
amount_max = "{BY_SHURJOPAY_TAKA - 1}.99"
only = ["sslcommerz"]

[[rules]]
name = "browser: the largest by shurjopay"
instruments = ["card"]
amount_min = "{BY_SHURJOPAY_TAKA}.00"
only = ["shurjopay"]

[[rules]]
name = "browser: all others by EBL"
instruments = ["card"]
amount_max = "{BY_SSLCOMMERZ_TAKA - 1}.99"
only = ["ebl"]
"""


@dataclass(frozen=True, slots=True)
class Street:
    """Where everything is."""

    home: Path
    switch: str
    shop: str
    environment: Mapping[str, str] = field(repr=False)
    proxy_control: str = ""
    billers_port: int = 0

    def tool(self, *arguments: str, **environment: str) -> str:
        """What an `ekpay` command of this installation prints."""
        settings = {**self.environment, **environment}
        done = subprocess.run(  # noqa: S603 - our own program
            [EKPAY, *arguments],
            cwd=ROOT, env=settings, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def tries(self, trnx_id: str) -> list[tuple[str, str]]:
        """The connectors that the payment of this trnx_id was begun with, and how each try stands."""
        question = f"""
        SELECT a.far_side, a.state FROM attempts AS a JOIN merchant_orders AS o USING (payment_id)
        WHERE o.trnx_id = '{trnx_id}' ORDER BY a.opened_at
        """  # noqa: S608 - the shop's own name
        lines = self.tool("db", "psql", "-At", "-F", " ", "-c", question).splitlines()
        return [(one.split()[0], one.split()[1]) for one in lines if one]

    def unpaid(self, house: str, nth: int) -> dict[str, str]:
        """The nth open bill of a simulated biller of a family, by the names of its manifest."""
        query = urlencode({"house": house, "count": 1, "offset": nth})
        for above in FAMILIES_ABOVE:
            address = f"http://127.0.0.1:{self.billers_port + above}/_admin/unpaid?{query}"
            # A family that has another biller answers that it knows none of that name.
            with suppress(HTTPError), urlopen(address, timeout=10) as answer:
                (bill,) = json.load(answer)["bills"]
                fields: dict[str, str] = bill["fields"]
                return fields
        raise LookupError(house)

    @contextmanager
    def struck(self, biller: str, fault: str = "refuse") -> Iterator[None]:
        """Let the network before a simulated biller fail meanwhile; connections are refused by default."""
        self.tool("sandbox", "network", "strike", biller, fault, "--control", self.proxy_control)
        try:
            yield
        finally:
            self.tool("sandbox", "network", "lift", "--far-side", biller, "--control", self.proxy_control)

    def conduct(self, conduct: str, times: int | None = None) -> None:
        """Let the shop listen otherwise; with `times`, only to its next IPNs."""
        self._admin("POST", {"conduct": conduct} | ({"times": times} if times else {}))

    def honest(self) -> None:
        """Let the shop be as on every day."""
        self._admin("DELETE", None)
        self.conduct("honest")

    def book(self) -> Mapping[str, Any]:
        """What the shop's book holds."""
        with urlopen(f"{self.shop}/_admin/dump", timeout=10) as answer:  # noqa: S310 - loopback
            book: Mapping[str, Any] = json.load(answer)
        return book

    def _admin(self, method: str, content: object) -> None:
        body = None if content is None else json.dumps(content).encode()
        asked = Request(f"{self.shop}/_admin/conduct", body, method=method)  # noqa: S310 - loopback
        with urlopen(asked, timeout=10) as answer:  # noqa: S310 - loopback
            assert answer.status == 200


@contextmanager
def opened(home: Path) -> Iterator[Street]:
    """The street, open; its processes stop at the end, whatever happened on it."""
    config = home / "config"
    shutil.copytree(ROOT / "config", config)
    with (config / "routing.toml").open("a") as rules:
        rules.write(RULES)
    desco = config / "billers" / "desco_postpaid.toml"
    # Waiting times are divided by twenty, so a promise of stand-in ends after a minute and a half.
    desco.write_text(re.sub(r"(?m)^stand_in_hours = 24", "stand_in_hours = 0.5", desco.read_text()))
    base = _free_base()
    environment = {**os.environ, "EKPAY_HOME": str(home / "ekpay"), "EKPAY_CONFIG": str(config)}
    log = home / "run.log"
    command = [EKPAY, "run", "--port", str(base), "--billers-port", str(base + BILLERS_ABOVE)]
    with log.open("w") as told:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=told, stderr=told)  # noqa: S603
        try:
            shop = _shop_told(log, process)
            control = f"127.0.0.1:{base + BILLERS_ABOVE + CONTROL_ABOVE}"
            billers = base + BILLERS_ABOVE
            yield Street(home / "ekpay", f"http://127.0.0.1:{base}", shop, environment, control, billers)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)


def _shop_told(log: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait until everything stands, and read where the shop is."""
    give_up_at = time.monotonic() + READY_SECONDS
    while time.monotonic() < give_up_at:
        text = log.read_text()
        found = re.search(r"^ekShop\s+(http://[0-9.:]+)", text, re.MULTILINE)
        if found and "sandbox pay" in text:
            return found[1]
        assert process.poll() is None, f"ekpay run ended: {text[-2_000:]}"
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"ekpay run is not ready: {log.read_text()[-2_000:]}")


def _free_base() -> int:
    """A port with two hundred more behind it that nobody uses now; each worker of pytest looks elsewhere."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for base in range(20_000 + 3_000 * worker, 32_500, 250):
        if all(_is_free(base + above) for above in range(160)):
            return base
    raise OSError("no free ports")


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
