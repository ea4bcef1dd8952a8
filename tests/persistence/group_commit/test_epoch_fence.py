"""The epoch stands in the WHERE of a batch too, below the decision that was made under the lock (law 14)."""

import pytest

from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.group_commit.decide import RowChanges
from ekpay_switch.persistence.group_commit.write import LostRowError, write_changes
from tests.persistence.books import Books


@pytest.mark.parametrize("behind", [0, 1])
async def test_a_row_of_a_newer_epoch_is_not_moved(books: Books, behind: int) -> None:
    await books.partner(prefund=60_000)
    payment_id = (await books.start()).claim.payment_id
    epoch, day = (await books.rows("SELECT epoch, business_date FROM payments WHERE id = $1", payment_id))[0]
    row = (payment_id, epoch - behind, State.IN_REVIEW, None, "{}", 1, None)
    changes = RowChanges(moved_payments={payment_id: row})

    connection = await books.database.connect()
    try:
        if behind:
            with pytest.raises(LostRowError):
                await write_changes(connection, changes, day)
        else:
            await write_changes(connection, changes, day)
    finally:
        await connection.close()
