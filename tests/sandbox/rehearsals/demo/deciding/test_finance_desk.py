"""What two persons read at the command line, as the report repeats it."""

from sandbox.rehearsals.demo.deciding.finance_desk import lines_of_option, postings_text

SHOWN = """Payment 01a2 of bank to dpdc_postpaid, 7195.41 taka from prefund:bank:postpaid: in review
What two persons may decide:
  debit_partner: the partner pays after all; --reference: the partner's written consent
    posts debited after late success:
      debit  prefund:bank:postpaid 7195.41
      credit suspense:dpdc_postpaid 7195.41
  late_echo: two entries
    posts one:
      debit  a 1.00
      credit b 1.00
    posts two:
      debit  c 2.00
      credit d 2.00
  close: no money of ours is in it
"""


def test_an_option_is_read_with_its_own_postings_alone() -> None:
    assert postings_text(lines_of_option(SHOWN, "debit_partner")) == (
        "debited after late success: debit prefund:bank:postpaid 7195.41, "
        "credit suspense:dpdc_postpaid 7195.41"
    )


def test_several_entries_are_told_apart() -> None:
    text = "one: debit a 1.00, credit b 1.00; two: debit c 2.00, credit d 2.00"
    assert postings_text(lines_of_option(SHOWN, "late_echo")) == text


def test_what_posts_nothing_is_empty() -> None:
    assert not postings_text(lines_of_option(SHOWN, "close"))
    assert not postings_text(lines_of_option(SHOWN, "write_off"))
