from ekpay_switch.domain import errors
from ekpay_switch.domain.refusals import BURNING, Refusal

# 2xxx, 1001 and 1002 say nothing about a payment, 1009 is about another one's reference, and 1007 burns only
# once the prefund was claimed, where it is stored with the payment itself. What its maker has cancelled was
# collected from a payer, whose key stands with the payment for ever.
NOT_BURNING = {
    Refusal.MALFORMED,
    Refusal.NOT_ALLOWED,
    Refusal.UNKNOWN_BILLER,
    Refusal.NO_SUCH_BILL,
    Refusal.OTHER_CONTENT,
    Refusal.BILLER_UNAVAILABLE,
    Refusal.CANCELLED,
    Refusal.INSTRUMENT_REFUSED,
}


def test_every_refusal_either_burns_the_reference_or_leaves_it_free() -> None:
    assert set(Refusal) == BURNING | NOT_BURNING
    assert not BURNING & NOT_BURNING


def test_an_error_without_words_of_its_own_says_its_first_line() -> None:
    assert (
        str(errors.MalformedAmountError()) == "The text is not an amount of taka with at most two decimals."
    )
    assert str(errors.NoFeeError("no fee row for gas")) == "no fee row for gas"


def test_an_error_without_words_at_all_says_its_name() -> None:
    class UndocumentedError(errors.SwitchError):
        __doc__ = None

    assert str(UndocumentedError()) == "UndocumentedError"


def test_the_tree_in_the_module_names_every_error() -> None:
    for error in errors.SwitchError.__subclasses__():
        if error.__module__ == errors.__name__:
            assert error.__name__ in str(errors.__doc__)
