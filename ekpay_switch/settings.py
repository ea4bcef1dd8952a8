"""What an operator may set: read from the environment once, typed, and never changed after.

Every name is the field's in capitals behind `EKPAY_`, for example `EKPAY_PORT`. Secrets are wrapped, so
that no text form of the settings shows them.
"""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ekpay_switch.shipped_folders import find_config_folder

_PREFIX = "EKPAY_"

_HOST_AND_PORT = re.compile(r"(?:[a-z0-9.-]+|\[[0-9a-f:]+\]):[0-9]{1,5}")
_BASE_URL = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*")


def _split_list(value: object) -> object:
    """A list as it is written in a variable: with commas, with or without spaces."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _check_hosts_and_ports(texts: frozenset[str]) -> frozenset[str]:
    if not all(_HOST_AND_PORT.fullmatch(text) for text in texts):
        raise ValueError("write host:port in small letters, and commas between them")
    return texts


def _check_networks(texts: frozenset[str]) -> frozenset[str]:
    for text in texts:
        ip_network(text)  # its own error says what is wrong
    return texts


def _check_base_url(text: str) -> str:
    if not _BASE_URL.fullmatch(text):
        raise ValueError(
            "write http:// or https://, a host, perhaps a port and a path, and no slash at the end"
        )
    return text


Port = Annotated[int, Field(ge=1, le=65_535)]
Ports = Annotated[frozenset[Port], NoDecode, BeforeValidator(_split_list)]
BaseUrl = Annotated[str, AfterValidator(_check_base_url)]
Networks = Annotated[frozenset[str], NoDecode, BeforeValidator(_split_list), AfterValidator(_check_networks)]
HostsAndPorts = Annotated[
    frozenset[str], NoDecode, BeforeValidator(_split_list), AfterValidator(_check_hosts_and_ports)
]


class SettingsError(Exception):
    """A setting has no usable value; the text names each such variable and never repeats its value."""


class Settings(BaseSettings):
    """All settings, each with a default that is right for a first look on one machine."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

    home: Path = Field(
        Path(".ekpay"), description="Folder of the embedded database and of the generated master key."
    )
    positions: Path | None = Field(
        None,
        description="Folder that says outside the database how far it has come (docs/adr/0087): best on "
        "another disk, never in a backup; unset: positions in EKPAY_HOME.",
    )
    standby_synchronous: bool = Field(
        default=False,
        description="Says that every standby that may be promoted is synchronous: a new timeline is served.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="libpq URL of the application's role on a real PostgreSQL; unset: the embedded server.",
    )
    database_owner_url: SecretStr | None = Field(
        None, description="The same for the role that owns the tables; only migrations use it."
    )
    database_audit_url: SecretStr | None = Field(
        None, description="The same for the role that may only read; `ekpay audit` uses it."
    )
    master_key: SecretStr | None = Field(
        None,
        description="32 bytes in base64 that every other key is derived from; unset: a generated key file.",
    )
    sends_journal: Path | None = Field(
        None,
        description="Folder of the sends journal, which a restore asks by; never part of a backup, best on "
        "another disk. Unset: `sends` in EKPAY_HOME.",
    )
    config: Path = Field(
        default_factory=find_config_folder,
        description="Folder of the manifests and the fees; unset: `config` in the current folder, else "
        "what is shipped (docs/adr/0113).",
    )
    time_divisor: float = Field(
        1.0,
        ge=1,
        description="Waiting times of the resolver are divided by this; above 1 only in demos and tests.",
    )
    rehearsal: bool = Field(
        default=False,
        description="Says that no money is real: allows what `ekpay doctor` calls unsafe (docs/adr/0080).",
    )
    host: str = Field("127.0.0.1", min_length=1, description="Address that the HTTP server listens on.")
    port: int = Field(8180, ge=1, le=65_535, description="TCP port that the HTTP server listens on.")
    operations_host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address of the health checks and metrics of each process, for operators only.",
    )
    operations_port: int = Field(
        9180,
        ge=0,
        le=65_535,
        description="TCP port of the web process's health checks and metrics; 0: a free one, that its log "
        "names.",
    )
    worker_operations_port: int = Field(9181, ge=0, le=65_535, description="The same of the worker.")
    trusted_proxies: Networks = Field(
        frozenset(),
        description="Addresses or networks of our own reverse proxies, with commas: what they write into "
        "X-Forwarded-For is the caller's address. Unset: whoever connects is the caller.",
    )
    public_url: BaseUrl = Field(
        "http://127.0.0.1:8180",
        description="Where payers' browsers and connectors' callbacks reach us; https in earnest.",
    )
    answer_deadline_seconds: float = Field(
        25.0, gt=0, description='Seconds after which a partner is told "in progress" (architecture.md 4).'
    )
    lanes: int = Field(16, ge=1, le=256, description="Hash chains, and batches that may form side by side.")
    committers: int = Field(1, ge=1, le=64, description="Batches that one process writes at the same time.")
    batch_max: int = Field(256, ge=1, le=4_096, description="Steps that one batch takes at most.")
    queue_max: int = Field(
        4_096, ge=1, description="Steps that may wait for a batch; one more is answered 503 with Retry-After."
    )
    partner_cache_seconds: float = Field(
        1.0, ge=0, description="Seconds that a partner row is believed, so how late a rotation takes effect."
    )
    body_max_bytes: int = Field(
        64 * 1024, ge=1_024, description="Longest request body of a partner that is read, in bytes."
    )
    worker_poll_seconds: float = Field(
        1.0, gt=0, description="Seconds that an idle worker waits before it looks for due work again."
    )
    quote_keep_days: int = Field(
        30,
        ge=1,
        description='Days after which an unpaid quote is dropped (ekpay-syndicate-api.md, "Binding").',
    )
    seal_customers: bool = Field(
        default=True,
        description="Whether the customers of merchants' orders are stored sealed; false while a process of "
        "before still runs, which could not read them (docs/adr/0084).",
    )
    webhook_ports: Ports = Field(
        frozenset({443, 8443}), description="TCP ports that endpoints of partners may have, with commas."
    )
    webhook_trusted_hosts: HostsAndPorts = Field(
        frozenset(),
        description="For rehearsals only: exact host:port that notifications may reach without https or a "
        "public address.",
    )

    sms_url: BaseUrl | None = Field(
        None,
        description="Where the gateway of text messages is (docs/adr/0122); unset: none is sent, and no page "
        "asks for a mobile number.",
    )
    sms_api_token: SecretStr | None = Field(None, description="The token that the gateway gave us.")
    sms_sender_id: str = Field(
        "",
        max_length=20,
        description="The name under which our text messages arrive, as agreed with the gateway.",
    )

    @property
    def sends_folder(self) -> Path:
        """The folder of the sends journal."""
        return self.sends_journal or self.home / "sends"


def read_settings() -> Settings:
    """The settings of this process's environment.

    Raises:
        SettingsError: a variable has no usable value.
    """
    try:
        return Settings()
    except ValidationError as refused:
        lines = [
            f"{_PREFIX}{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in refused.errors(include_url=False, include_input=False, include_context=False)
        ]
        # The original error holds the values; it must not travel on with ours.
        raise SettingsError("; ".join(lines)) from None
