"""The tokens that all processes of a cluster share, in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class SharedTokens:
    """The table that all processes share: one holder of the lease, one token."""

    token: str | None = None
    holder: int | None = None
    epoch: int = 0
    logins: int = 0
    dropped: list[str] = field(default_factory=list)
    looks: int = 0
    lives: list[float] = field(default_factory=list)
    when_looked: Callable[[int], None] | None = None

    async def current(self, far_side: str) -> str | None:
        del far_side
        self.looks += 1
        if self.when_looked:
            self.when_looked(self.looks)
        return self.token

    async def lease(self, far_side: str, seconds: float) -> int | None:
        del far_side, seconds
        if self.holder is not None:
            return None
        self.epoch += 1
        self.holder = self.epoch
        return self.epoch

    async def count_login(self, far_side: str, epoch: int, per_hour: int) -> bool:
        del far_side
        if self.holder != epoch or self.logins >= per_hour:
            return False
        self.logins += 1
        return True

    async def uncount_login(self, far_side: str, epoch: int) -> None:
        del far_side
        if self.holder == epoch:
            self.logins -= 1

    async def store(self, far_side: str, epoch: int, token: str, life_seconds: float) -> bool:
        del far_side
        if self.holder != epoch:
            return False
        self.holder, self.token = None, token
        self.lives.append(life_seconds)
        return True

    async def release(self, far_side: str, epoch: int) -> None:
        del far_side
        if self.holder == epoch:
            self.holder = None

    async def drop(self, far_side: str, token: str) -> None:
        del far_side
        self.dropped.append(token)
        if self.token == token:
            self.token = None
