"""A client's side of the SMS gateway, written from the public documentation of its API."""

from dataclasses import dataclass, field
from itertools import count

from tests.sandbox.caller import AdminCaller, Json

TO = "8801712345678"
CODE_TEXT = "ekPay: আপনার যাচাইকরণ কোড ৪৮২৯১৩।"


@dataclass
class SmsCaller(AdminCaller):
    """Sends messages, and reads the inbox as a browser does."""

    ids: "count[int]" = field(default_factory=count)

    def a_message(self, msisdn: str = TO, /, **changes: object) -> Json:
        message = {
            "api_token": "sms-sandbox",
            "sid": "EKPAY",
            "msisdn": msisdn,
            "sms": CODE_TEXT,
            "csms_id": f"id-{next(self.ids)}",
        }
        return message | changes

    async def post(
        self, body: bytes | str, content_type: str = "application/json", path: str = "send-sms"
    ) -> tuple[int, Json]:
        url = f"{self.origin}/api/v3/{path}"
        async with self.session.post(url, data=body, headers={"content-type": content_type}) as answer:
            return answer.status, await answer.json()

    async def send(self, message: Json) -> Json:
        """The answer to a message; whatever the gateway says, it says under HTTP 200."""
        async with self.session.post(f"{self.origin}/api/v3/send-sms", json=message) as answer:
            assert answer.status == 200
            answered: Json = await answer.json()
        return answered

    async def code_of(self, message: Json) -> int:
        code: int = (await self.send(message))["status_code"]
        return code

    async def messages(self, query: str = "") -> list[Json]:
        listed: list[Json] = (await self.admin("GET", f"messages{query}"))["messages"]
        return listed

    async def set_fault(self, fault: str, **more: object) -> None:
        await self.admin("POST", "faults", {"fault": fault, **more})

    async def inbox(self, query: str = "?lang=en") -> tuple[int, str]:
        async with self.session.get(f"{self.origin}/inbox{query}") as answer:
            return answer.status, await answer.text()
