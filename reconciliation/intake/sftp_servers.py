"""Which SFTP servers files are fetched from: config/sftp.toml, read strictly.

A host key is pinned: it stands in the configuration, or in the variable that the configuration names, before
the first connection. Nothing is ever trusted on first use, and no password is ever sent.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ekpay_switch.config_files.toml_file import ConfigFileError, toml_tables
from reconciliation.configuration_faults import fault_wording
from reconciliation.errors import ConfigurationError

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}", re.ASCII)
_OTHERS_MAY = 0o077


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FetchLimits(_Strict):
    """The limits of one fetch: bytes of a file, names in a folder, seconds."""

    bytes_max: int = Field(default=256_000_000, gt=0)
    names_max: int = Field(default=20_000, gt=0)
    connect_seconds: float = Field(default=15.0, gt=0)
    silent_seconds: float = Field(default=30.0, gt=0)
    whole_seconds: float = Field(default=1_200.0, gt=0)


class CompletenessRule(_Strict):
    """The rule by which a file is known to be complete.

    By `marker`, there is an empty file beside it whose name is longer by `suffix`. By `stable`, its size and
    time are the same again after so many seconds.
    """

    by: Literal["marker", "stable"]
    suffix: str = ".done"
    seconds: float = Field(default=5.0, ge=0)


class SftpServer(_Strict):
    """One server. `institutions` are those whose files it may have, `*` all; files of others are not fetched.

    `folder` may hold `{institution}`, then each has one. The private key lies in the file that the variable
    `key_env` names, or in `key` under EKPAY_HOME.
    """

    host: str = Field(min_length=1)
    port: int = Field(default=22, gt=0, lt=65_536)
    user: str = Field(min_length=1)
    key: str = ""
    key_env: str = ""
    host_key: str = ""
    host_key_env: str = ""
    port_env: str = ""
    folder: str = Field(min_length=1)
    institutions: tuple[str, ...] = Field(strict=False, min_length=1)
    complete: CompletenessRule
    limits: FetchLimits = FetchLimits()

    @model_validator(mode="after")
    def _each_key_stands_in_one_place(self) -> "SftpServer":
        if bool(self.key) == bool(self.key_env) or bool(self.host_key) == bool(self.host_key_env):
            raise ValueError("a key, and a host key, stand in one place each")
        if self.host_key and not _FINGERPRINT.fullmatch(self.host_key):
            raise ValueError("a host key is pinned as SHA256:<43 letters>")
        return self

    def fingerprint(self) -> str:
        """The pinned fingerprint of the server's key.

        Raises:
            ConfigurationError: the variable that must hold it does not.
        """
        pinned = self.host_key or os.environ.get(self.host_key_env, "")
        if not _FINGERPRINT.fullmatch(pinned):
            raise ConfigurationError(f"{self.host_key_env} must hold SHA256:<43 letters>")
        return pinned

    def private_key(self, home: Path) -> Path:
        """The file of our key, which nobody else may read.

        Raises:
            ConfigurationError: there is none, or others may read it.
        """
        key_path = os.environ.get(self.key_env, "") if self.key_env else str(home / self.key)
        path = Path(key_path)
        if not key_path or not path.is_file():
            raise ConfigurationError(f"no key: {self.key_env or self.key} names no file")
        if path.stat().st_mode & _OTHERS_MAY:
            raise ConfigurationError(f"{self.key_env or self.key}: a key that others may read is not used")
        return path

    def port_number(self) -> int:
        """The port; a sandbox takes a free one and sets it in the variable `port_env`."""
        port_text = os.environ.get(self.port_env, "") if self.port_env else ""
        return int(port_text) if port_text.isdecimal() else self.port


class SftpServers(_Strict):
    """All servers by the name under which `--server` knows them."""

    version: str
    servers: Mapping[str, SftpServer]


def read_servers(path: Path) -> Mapping[str, SftpServer]:
    """The servers of a file.

    Raises:
        ConfigurationError: there is no such file, or it is not valid.
    """
    try:
        return SftpServers.model_validate(toml_tables(path)).servers
    except (OSError, ValidationError, ConfigFileError) as problem:
        raise ConfigurationError(f"{path.name}: {fault_wording(problem)}") from problem
