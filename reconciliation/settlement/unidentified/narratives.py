"""What banks say of lines beside their references, such as the sender's name; people search by it."""

import asyncio
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from ekpay_switch.security.card_numbers import mask_card_numbers
from reconciliation.errors import UnreadableFileError
from reconciliation.results.file_results import kept_files
from reconciliation.results.night_folders import NightFolders
from reconciliation.settlement.current_state import SettlementWork
from reconciliation.settlement.unidentified.statement_lines import BankLine
from reconciliation.statement.account_rows import entry_texts
from reconciliation.statement.layout import Layout


async def narratives_of(work: SettlementWork, lines: Sequence[BankLine]) -> Mapping[str, str]:
    """The normalised text of each line by the name of its row; none where its file is not there any more."""
    wanted = {line.row_name.rpartition(":")[0]: line.bank for line in lines}
    if not wanted:
        return {}
    archive = NightFolders.of(work.setting.finance.home_folder).archive
    files = {kept.file.name: archive / kept.file.sha256 for kept in await kept_files(work.connection)}
    found: dict[str, str] = {}
    for name, bank in wanted.items():
        if name in files:
            found |= await asyncio.to_thread(_texts, name, files[name], work.setting.layouts[bank])
    return found


def normalise(text: str) -> str:
    """Capitals without doubled spaces and card numbers, so that one name reads alike in every statement."""
    plain = mask_card_numbers(unicodedata.normalize("NFKC", text)).upper()
    return " ".join("".join(letter if letter.isprintable() else " " for letter in plain).split())


def _texts(name: str, path: Path, layout: Layout) -> dict[str, str]:
    try:
        texts = entry_texts(path.read_bytes(), layout)
    except (OSError, UnreadableFileError):
        return {}
    return {f"{name}:{ordinal}": normalise(text) for ordinal, text in texts.items()}
