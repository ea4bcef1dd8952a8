"""Carries out what the product does within an approval, in a transaction of its own."""

from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Given = ParamSpec("Given")
Result = TypeVar("Result")


async def in_transaction(
    engine: AsyncEngine,
    work: Callable[Concatenate[AsyncConnection, Given], Awaitable[Result]],
    *values: Given.args,
    **named: Given.kwargs,
) -> Result:
    async with engine.begin() as connection:
        return await work(connection, *values, **named)
