"""`/notice` and `/n/<code>`: from the code on a bill notice to the form of its bill (docs/adr/0131).

The code stands on paper and opens what the paper says: biller and numbers. What is owed is asked as for any
bill.
"""

from starlette.responses import Response

from ekpay_switch.domain.scrolls.bill_notices import read_notice_code
from ekpay_switch.web.portal.notice_codes import NOTICE, TYPED_MAX, bill_of_code
from ekpay_switch.web.portal.visits import PortalVisit

CODE = "code"
MISSING, WRONG, UNKNOWN = "missing", "wrong", "unknown"


async def show_notice(visit: PortalVisit) -> Response:
    """The field for the code, or the way on to the bill of the code that was typed."""
    params = visit.request.query_params
    return await _open(visit, params[CODE]) if CODE in params else _notice_page(visit)


async def open_notice(visit: PortalVisit) -> Response:
    """The address in the QR code."""
    return await _open(visit, visit.request.path_params["code"])


async def _open(visit: PortalVisit, typed: str) -> Response:
    found = await bill_of_code(visit, typed)
    if found is not None:
        form = visit.at(f"/bills/{found.biller_id}", **{NOTICE: found.code})
        return visit.portal.pages.redirect(visit.request, form)
    if not typed.strip():
        return _notice_page(visit, fault=MISSING)
    is_code = read_notice_code(typed[:TYPED_MAX]) is not None
    return _notice_page(visit, typed.strip()[:TYPED_MAX], UNKNOWN if is_code else WRONG)


def _notice_page(visit: PortalVisit, typed: str = "", fault: str = "") -> Response:
    status = {UNKNOWN: 404, "": 200}.get(fault, 422)
    return visit.page("bill_notice.html", {"typed": typed, "fault": fault}, status)
