"""Who runs this installation, for the foot of every page: config/site.toml, where there is one."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE_NAME = "site.toml"
_LENGTH_MAX = 120
_KEYS = frozenset({"name_en", "name_bn", "helpline", "address_en", "address_bn", "email"})


class SiteError(Exception):
    """config/site.toml cannot be used; the text names the member."""


@dataclass(frozen=True, slots=True)
class Site:
    """Who runs the switch and where, in both languages, and how payers may ask; empty where unknown."""

    name_en: str = ""
    name_bn: str = ""
    helpline: str = ""
    address_en: str = ""
    address_bn: str = ""
    email: str = ""


NO_SITE = Site()


def read_site(config_dir: Path) -> Site:
    """What config/site.toml says; nothing where there is no such file.

    Raises:
        SiteError: it is no TOML, has a member that we do not know, or one that is no short text.
    """
    path = config_dir / FILE_NAME
    if not path.exists():
        return NO_SITE
    try:
        members = tomllib.loads(path.read_text(encoding="utf-8")).get("operator")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SiteError(f"{FILE_NAME}: {error}") from None
    if not isinstance(members, dict):
        raise SiteError(f"{FILE_NAME}: [operator] is missing")
    for name, value in members.items():
        if name not in _KEYS or not isinstance(value, str) or not 0 < len(value.strip()) <= _LENGTH_MAX:
            raise SiteError(f"{FILE_NAME}: operator.{name} is unknown, empty or longer than {_LENGTH_MAX}")
    site = Site(**members)
    if not (site.name_en and site.name_bn):
        raise SiteError(f"{FILE_NAME}: operator.name_en and operator.name_bn belong together")
    if bool(site.address_en) != bool(site.address_bn):
        raise SiteError(f"{FILE_NAME}: operator.address_en and operator.address_bn belong together")
    return site
