from hypothesis import given
from hypothesis import strategies as st

from reconciliation.settlement.positions.withdrawal_progress import (
    PartnerInstruction,
    Progress,
    WithdrawalState,
    progress_of,
)

DUE, INSTRUCTED, PAID = WithdrawalState.DUE, WithdrawalState.INSTRUCTED, WithdrawalState.PAID


def test_an_instruction_pays_the_oldest_withdrawals_first() -> None:
    instructions = [PartnerInstruction("E1", 150, 150), PartnerInstruction("E2", 50, 0)]
    assert progress_of([100, 50, 50, 7], instructions) == (
        Progress(PAID, ("E1",)),
        Progress(PAID, ("E1",)),
        Progress(INSTRUCTED, ("E2",)),
        Progress(DUE),
    )


def test_what_is_instructed_in_part_is_due_and_names_its_instruction() -> None:
    assert progress_of([100], [PartnerInstruction("E1", 60, 60)]) == (Progress(DUE, ("E1",)),)


@given(st.lists(st.integers(1, 1_000)), st.lists(st.integers(1, 1_000)))
def test_whatever_was_moved_is_told_of_whole_withdrawals_only(amounts: list[int], moved: list[int]) -> None:
    found = progress_of(amounts, [PartnerInstruction(str(n), paisa, paisa) for n, paisa in enumerate(moved)])
    paid = sum(amount for amount, step in zip(amounts, found, strict=True) if step.state is PAID)
    assert paid <= sum(moved)
    assert [step.state for step in found] == sorted(
        (step.state for step in found), key=lambda s: s is not PAID
    )
