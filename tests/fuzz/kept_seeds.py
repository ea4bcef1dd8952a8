"""Seeds that once broke a reader, by the kind of file: tried in every run, and in `make test`.

They hold while the mutations and the valid files are as they are; each defect has a test of its own beside
its reader too.
"""

from collections.abc import Mapping, Sequence
from typing import Final

KEPT: Final[Mapping[str, Sequence[int]]] = {
    "camt052": (
        34,
        42,
        123,
        185,
    ),
    "camt053 several": (159,),
    "camt054": (
        83,
        154,
        157,
    ),
    "camt054 details": (
        1,
        5,
    ),
    "jalalabad_gas": (77,),
    "merchants import": (
        143,
        159,
    ),
    "mt940 several": (
        35,
        132,
        230,
    ),
    "nagad": (
        7,
        46,
        123,
    ),
    "settle answer pacs.002": (
        75,
        83,
        168,
    ),
    "settle answer pain.002": (
        156,
        195,
    ),
    "settle batch": (77,),
    "sslcommerz": (189,),
    "upay large": (82,),
}
