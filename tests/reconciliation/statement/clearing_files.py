"""Clearing files made by hand: records of 94 characters, and ISO 8583 messages in frames."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# As the NACHA rules have them: an entry is its code, bank of eight digits, amount, id and trace number.
FILLER = "9" * 94


@dataclass(frozen=True)
class Ach:
    code: str = "22"
    bank: str = "99126001"
    amount: int = 100_000
    id: str = "EKF1"
    trace: int = 1
    reason: str = ""

    @property
    def lines(self) -> list[str]:
        has_addenda = "1" if self.reason else "0"
        entry = (
            f"6{self.code}{self.bank}2{'0011223344':<17}{self.amount:010d}{self.id:<15}{'desco':<22}  "
            f"{has_addenda}99026000{self.trace:07d}"
        )
        if not self.reason:
            return [entry]
        back = f"799{self.reason}990260000000009{'':6}99026000{'no account':<44}991260010000001"
        return [entry, back]


def sums(entries: Sequence[Ach]) -> tuple[int, int, int, int]:
    """Entries and addenda, hash total, debits, credits."""
    credits_ = sum(entry.amount for entry in entries if entry.code[1] in "1234")
    whole = sum(entry.amount for entry in entries)
    banks = sum(int(entry.bank) for entry in entries) % 10**10
    return sum(len(entry.lines) for entry in entries), banks, whole - credits_, credits_


def ach_lines(*batches: Sequence[Ach]) -> list[str]:
    head = f"101 {'990260000':<9} {'990000001':<9}2604052359A094101{'Bank':<23}{'EkPay':<23}{'':8}"
    lines = [head]
    for number, entries in enumerate(batches, start=1):
        lines.append(
            f"5200{'EkPay':<16}{'':20}{'EKPAY':<10}CCDSETTLEMENT260405260405{'':3}199026000{number:07d}"
        )
        lines.extend(line for entry in entries for line in entry.lines)
        count, banks, debits, credits_ = sums(entries)
        total = f"{count:06d}{banks:010d}{debits:012d}{credits_:012d}"
        lines.append(f"8200{total}{'EKPAY':<10}{'':19}{'':6}99026000{number:07d}")
    count, banks, debits, credits_ = sums([entry for batch in batches for entry in batch])
    blocks = -(-(len(lines) + 1) // 10)
    lines.append(f"9{len(batches):06d}{blocks:06d}{count:08d}{banks:010d}{debits:012d}{credits_:012d}{'':39}")
    return lines + [FILLER] * (blocks * 10 - len(lines))


def ach(*batches: Sequence[Ach]) -> bytes:
    return ("\n".join(ach_lines(*batches)) + "\n").encode("ascii")


# Elements that tell their length, in so many digits; all others of the messages below are fixed.
DIGITS = {2: 2, 48: 3, 63: 3}


def message(mti: str, fields: Mapping[int, str], encoding: str = "ascii") -> bytes:
    bits = 0
    for number in (*fields, 1):
        bits |= 1 << (128 - number)
    written = bytearray(mti.encode(encoding) + bits.to_bytes(16, "big"))
    for number in sorted(fields):
        text = fields[number]
        if number in DIGITS:
            text = f"{len(text):0{DIGITS[number]}d}{text}"
        written += text.encode(encoding)
    return bytes(written)


def part(tag: str, text: str) -> str:
    return f"{tag}{len(text):03d}{text}"


def vbs(messages: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack(">I", len(one)) + one for one in messages) + bytes(4)


def blocked(messages: Sequence[bytes]) -> bytes:
    whole = vbs(messages)
    whole += b"@" * (-len(whole) % 1012)
    return b"".join(whole[begin : begin + 1012] + b"@@" for begin in range(0, len(whole), 1012))


def rdw(messages: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack(">HH", len(one) + 4, 0) + one for one in messages)
