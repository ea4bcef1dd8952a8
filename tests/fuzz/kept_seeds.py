"""Seeds that once broke a reader, by the kind of file: tried in every run, and in `make test`.

They hold while the mutations and the valid files are as they are; each defect has a test of its own beside
its reader too.
"""

from collections.abc import Mapping, Sequence
from typing import Final

KEPT: Final[Mapping[str, Sequence[int]]] = {
    "camt052": (42, 75, 123),
    "camt054": (83, 154, 157),
    "camt054 details": (1, 4),
    "disputes read": (60,),
    "merchants import": (143, 159),
    "mt940 several": (35, 132),
    "nagad": (7, 46, 123),
    "nagad of a spreadsheet": (62, 73),
    "serve with a mark": (19, 22, 607),
    "settle answer pacs.002": (75, 83, 168),
    "settle answer pain.002": (156,),
    "settle batch": (77,),
    "sonali_spg": (120,),
    "sslcommerz": (189,),
    "upay large": (82,),
}
