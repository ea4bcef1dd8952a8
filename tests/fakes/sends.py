"""The sends journal in memory."""

from dataclasses import dataclass, field

from ekpay_switch.domain.sends import Send


@dataclass
class FakeSends:
    """The port `SendsJournal`; while it is full, nothing may be sent."""

    lines: list[Send] = field(default_factory=list)
    is_full: bool = False

    def write(self, send: Send) -> bool:
        if not self.is_full:
            self.lines.append(send)
        return not self.is_full
