"""How an answer reaches its caller: plainly, late, spoiled or not at all."""

from sandbox.kit.biller.faults import Fault
from sandbox.kit.biller.settings import CounterSettings
from sandbox.kit.institution.replies import LOST, Errors, Reply, html_page

HTML_PAGE = html_page("Counter")


def apply_fault(fault: Fault | None, reply: Reply, settings: CounterSettings, errors: Errors) -> Reply:
    """Return what goes out in place of a codec's good reply, as a result's `fault` says."""
    match fault:
        case Fault.LOST_PAID | Fault.LOST_UNPAID | Fault.CLOSE_BEFORE | Fault.ECHO_OTHER_AMOUNT:
            return LOST
        case Fault.HTML:
            return HTML_PAGE
        case Fault.HTTP_500:
            return errors.http_500
        case Fault.SLOW:
            return reply._replace(delay_seconds=settings.slow_seconds)
        case None | Fault.REFUSE | Fault.EXPIRE_TOKENS:
            return reply
