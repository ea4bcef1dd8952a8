"""The environment variables by which a switch finds every simulated institution."""

from collections.abc import Iterable, Mapping

from sandbox.kit.biller.family import BillerFamily


def settings_for_switch(
    families: Iterable[type[BillerFamily]], origin_by_family: Mapping[str, str], password: str
) -> dict[str, str]:
    """Return the environment variables by which a switch reaches the institutions of these families.

    `origin_by_family` says where a family is reached, such as `http://127.0.0.1:8194`, straight or
    through the proxy; a family without an origin is left out.
    """
    variables: dict[str, str] = {}
    for far_side in families:
        origin = origin_by_family.get(far_side.family)
        if origin is not None:
            variables |= far_side.settings_for_switch(origin, password)
    return variables
