"""The bill that the code of a notice names, for the pages of the portal (docs/adr/0131)."""

from ekpay_switch.domain.scrolls.bill_notices import BillOfNotice, read_notice_code
from ekpay_switch.web.portal.visits import PortalVisit

NOTICE = "notice"
"""The parameter of a form's address that names the notice that it is filled in by."""
TYPED_MAX = 40


async def bill_of_code(visit: PortalVisit, typed: str) -> BillOfNotice | None:
    """The bill, where this is the code of a notice whose biller is offered."""
    code = read_notice_code(typed[:TYPED_MAX])
    found = None if code is None else await visit.portal.notices.by_code(code)
    is_offered = found is not None and visit.portal.catalogue.by_id(found.biller_id) is not None
    return found if is_offered else None
