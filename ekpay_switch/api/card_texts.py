"""What an edge does with card numbers in a member of a message (docs/adr/0084).

Text for people is stored masked, since no old client is refused for it; a name of the caller's own has to
stay as it is, so one with a card number is refused by its member.
"""

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from ekpay_switch.security.card_numbers import is_identifier_of_a_card, mask_card_numbers

CARD_NUMBER = "card_number"


def _refuse_card(name: str) -> str:
    if is_identifier_of_a_card(name):
        raise PydanticCustomError(CARD_NUMBER, "a card number")
    return name


CARDS_MASKED = AfterValidator(mask_card_numbers)
CARDS_REFUSED = AfterValidator(_refuse_card)
