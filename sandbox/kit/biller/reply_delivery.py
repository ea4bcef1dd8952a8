"""How an answer reaches its caller: plainly, late, spoiled or not at all."""

from sandbox.kit.biller.faults import BillerFault
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.replies import LOST, Errors, Reply, html_page

HTML_PAGE = html_page("Counter")


def apply_fault(fault: BillerFault | None, reply: Reply, settings: BillerSettings, errors: Errors) -> Reply:
    """Return what goes out in place of a codec's good reply, as a result's `fault` says."""
    match fault:
        case (
            BillerFault.LOST_PAID
            | BillerFault.LOST_UNPAID
            | BillerFault.CLOSE_BEFORE
            | BillerFault.ECHO_OTHER_AMOUNT
        ):
            return LOST
        case BillerFault.HTML:
            return HTML_PAGE
        case BillerFault.HTTP_500:
            return errors.http_500
        case BillerFault.SLOW:
            return reply._replace(delay_seconds=settings.slow_seconds)
        case None | BillerFault.REFUSE | BillerFault.EXPIRE_TOKENS:
            return reply
