"""The addresses of an agent's counter, all below `/agent`; they follow the rules of the portal's."""

from fastapi import FastAPI

from ekpay_switch.web.agents import drawer_pages as drawers
from ekpay_switch.web.agents import order_pages as orders
from ekpay_switch.web.agents.counter_visits import DESK, SIGN_IN, counter_form, counter_page
from ekpay_switch.web.portal.routes import METHODS, route_adder, show_nowhere, with_citizens
from ekpay_switch.web.portal.visits import Portal


def mount(app: FastAPI, portal: Portal) -> None:
    """Add the pages of counters beside those of the portal."""
    add = route_adder(app, portal)
    add(DESK, ["GET"], with_citizens(counter_page(drawers.show_desk)))
    add(DESK, ["POST"], with_citizens(SIGN_IN.send_number))
    add("/agent/code", ["GET"], with_citizens(SIGN_IN.show_code))
    add("/agent/code", ["POST"], with_citizens(SIGN_IN.send_code))
    add("/agent/drawer", ["POST"], with_citizens(counter_form(drawers.open_drawer)))
    # Where a form was answered with a page of its own, a reload of that address comes by GET.
    add("/agent/drawer", ["GET"], with_citizens(counter_page(drawers.show_desk)))
    add(drawers.CLOSE, ["GET"], with_citizens(counter_page(drawers.show_close)))
    add(drawers.CLOSE, ["POST"], with_citizens(counter_form(drawers.close_drawer)))
    add(f"{drawers.DAYS}/{{drawer}}", ["GET"], with_citizens(counter_page(drawers.show_day)))
    add("/agent/bills/{biller_id}", ["GET"], with_citizens(counter_page(orders.show_form)))
    add("/agent/bills/{biller_id}", ["POST"], with_citizens(counter_page(orders.send_form)))
    add(f"{orders.ORDERS}/{{order}}", ["GET"], with_citizens(counter_page(orders.show_order)))
    add(f"{orders.ORDERS}/{{order}}", ["POST"], with_citizens(counter_form(orders.pay)))
    add(f"{orders.ORDERS}/{{order}}/back", ["GET"], with_citizens(counter_page(orders.show_order)))
    add(f"{orders.ORDERS}/{{order}}/back", ["POST"], with_citizens(counter_form(orders.hand_back)))
    add("/agent/{rest:path}", METHODS, show_nowhere)
