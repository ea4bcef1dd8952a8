"""A switch that uses the public codec starkbank-iso8583, unmodified, at a simulated bank's host.

Run by `iso8583_against_sandbox.py` in an environment that has nothing but the codec, and a DES of another
hand than ours for the MAC. The codec is told the host's fields by a template of its own kind.
"""

import importlib
import json
import socket
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from telling import Json, expect, versions, want  # type: ignore[import-not-found]  # beside us where we run

codec: Any = importlib.import_module("starkbank.iso8583")
base: Any = importlib.import_module("starkbank.iso8583.template.base")
parsers: Any = importlib.import_module("starkbank.iso8583.utils.parser")
lengths: Any = importlib.import_module("starkbank.iso8583.utils.length")
fields: Any = importlib.import_module("starkbank.iso8583.utils.field")
headers: Any = importlib.import_module("starkbank.iso8583.utils.header")
version: Any = importlib.import_module("starkbank.iso8583.version")
des: Any = importlib.import_module("Crypto.Cipher.DES")
triple_des: Any = importlib.import_module("Crypto.Cipher.DES3")

VECTOR_KEY = "0123456789ABCDEFFEDCBA9876543210"
VECTORS = Path(__file__).with_name("iso8583_vectors.json")
FIXED = {3: 6, 4: 12, 7: 10, 11: 6, 12: 6, 13: 4, 15: 4, 18: 4, 37: 12, 38: 6, 39: 2, 41: 8, 42: 15, 49: 3}
FIXED |= {70: 3, 90: 42}
COUNTED = {2: (19, 2), 32: (11, 2), 48: (999, 3), 102: (28, 2)}
MAC_LENGTH = 8


def the_field(name: str, length_rule: Any, parsing_rule: Any) -> Any:  # noqa: ANN401 - it has no types
    return fields.Field(name=name, lengthRule=length_rule, parsingRule=parsing_rule)


def the_template() -> Any:  # noqa: ANN401 - the codec has no types
    fixed, counted = lengths.FixedLengthRule, lengths.VariableLengthRule
    text, hexadecimal, bitmap = parsers.ParseString, parsers.ParseHexadecimal, parsers.ParseBitmap
    known = [the_field("MTI", fixed(limit=4), text())]
    known += [the_field(f"DE{n:03d}", fixed(limit=8), bitmap(offset=64 * n)) for n in (0, 1)]
    known += [the_field(f"DE{n:03d}", fixed(limit=length), text()) for n, length in FIXED.items()]
    known += [
        the_field(f"DE{n:03d}", counted(limit=length, byteLength=digits), text())
        for n, (length, digits) in COUNTED.items()
    ]
    known += [the_field(f"DE{n:03d}", fixed(limit=MAC_LENGTH), hexadecimal()) for n in (64, 128)]
    return {version.IsoVersion._1987: base.Template(headerRule=headers.NoHeaderRule(), fields=known)}  # noqa: SLF001 - its name


TEMPLATE = the_template()


def encoded(mti: str, told: Json) -> bytes:
    named = {f"DE{int(number):03d}": value for number, value in told.items()}
    written: bytes = codec.unparse({"MTI": mti, **named}, template=TEMPLATE, encoding="ascii")
    return written


def decoded(content: bytes) -> Json:
    told = codec.parse(content, template=TEMPLATE, encoding="ascii")
    named = {str(int(name[2:])): value for name, value in told.items() if name.startswith("DE")}
    return {"mti": told["MTI"], **{number: value for number, value in named.items() if number != "1"}}


def mac_of(key_hex: str, covered: bytes) -> str:
    """ISO 9797-1 algorithm 3, block by block."""
    key = bytes.fromhex(key_hex)
    left, right = des.new(key[:8], des.MODE_ECB), des.new(key[8:], des.MODE_ECB)
    padded = covered + bytes(-len(covered) % 8)
    chained = bytes(8)
    for at in range(0, len(padded), 8):
        block = padded[at : at + 8]
        chained = left.encrypt(bytes(a ^ b for a, b in zip(chained, block, strict=True)))
    whole: bytes = left.encrypt(right.decrypt(chained))
    return whole.hex()


def sealed(mti: str, told: Json, key_hex: str) -> bytes:
    place = "128" if any(int(number) > 64 for number in told) else "64"
    content = encoded(mti, {**told, place: "00" * MAC_LENGTH})
    return content[:-MAC_LENGTH] + bytes.fromhex(mac_of(key_hex, content[:-MAC_LENGTH]))


def vectors() -> None:
    for vector in json.loads(VECTORS.read_text(encoding="ascii")):
        title, told, content = vector["title"], vector["fields"], bytes.fromhex(vector["hex"])
        expect(f"vector {title} is written", is_right=encoded(vector["mti"], told) == content)
        expect(f"vector {title} is read", is_right=decoded(content) == {"mti": vector["mti"], **told})
        mac = told.get("64", told.get("128"))
        if mac is not None:
            is_right = mac_of(VECTOR_KEY, content[:-MAC_LENGTH]) == mac
            expect(f"vector {title} has this MAC", is_right=is_right, mac=mac)


@dataclass
class Switch:
    """One connection to a host; every answer of money has its MAC checked."""

    house: Json
    connection: socket.socket
    stan: int = 0

    def send(self, content: bytes) -> bytes:
        """The answer, or nothing where the host hangs up."""
        self.connection.sendall(len(content).to_bytes(2, "big") + content)
        head = self._exactly(2)
        return self._exactly(int.from_bytes(head, "big")) if head else b""

    def network(self, code: str) -> Json:
        told = {"7": f"{datetime.now(UTC):%m%d%H%M%S}", "11": self.next_stan(), "70": code}
        answer = decoded(self.send(encoded("0800", told)))
        is_right = all(answer[number] == value for number, value in told.items())
        expect(
            f"{self.house['id']}: 0800 {code}", is_right=is_right and answer["39"] == "00", mti=answer["mti"]
        )
        return answer

    def ask(self, mti: str, told: Json) -> Json:
        content = self.send(sealed(mti, told, self.house["mac_key"]))
        answer = decoded(content)
        mac = mac_of(self.house["mac_key"], content[:-MAC_LENGTH])
        echoed = all(answer[number] == told[number] for number in ("3", "4", "11", "32", "37", "41", "42"))
        is_right = echoed and mac == content[-MAC_LENGTH:].hex()
        expect(f"{self.house['id']}: {mti} is answered under a MAC", is_right=is_right, mti=answer["mti"])
        return answer

    def request(self, alias: str, amount: str) -> Json:
        now = datetime.now(UTC)
        local, stan = now + timedelta(hours=6), self.next_stan()
        return {
            self.house["alias_field"]: alias,
            "3": "500000",
            "4": amount,
            "7": f"{now:%m%d%H%M%S}",
            "11": stan,
            "12": f"{local:%H%M%S}",
            "13": f"{local:%m%d}",
            "18": "4900",
            "32": self.house["acquirer"],
            "37": f"{local.year % 10}{local:%j%H}{stan}",
            "41": "EKPAY001",
            "42": "EKPAYSWITCH0001",
            "48": f"PEER{stan}",
            "49": "050",
        }

    def reversal(self, asked: Json) -> Json:
        acquirer = self.house["acquirer"].rjust(11, "0")
        original = f"0200{asked['11']}{asked['7']}{acquirer}{acquirer}"
        kept = {number: value for number, value in asked.items() if number not in {"18", "48"}}
        now = f"{datetime.now(UTC):%m%d%H%M%S}"
        return {**kept, "7": now, "11": self.next_stan(), "39": "68", "90": original}

    def next_stan(self) -> str:
        self.stan += 1
        return f"{self.stan:06d}"

    def _exactly(self, length: int) -> bytes:
        received = b""
        while len(received) < length:
            part = self.connection.recv(length - len(received))
            if not part:
                return b""
            received += part
        return received


def paid(switch: Switch, title: str) -> None:
    agreed = want("alias", house=switch.house["id"])
    asked = switch.request(agreed["alias"], "000000125050") | {"48": agreed["order"]}
    answer = switch.ask("0200", asked)
    is_right = (answer["39"], len(answer.get("38", "")), len(answer["15"])) == ("00", 6, 4)
    expect(f"{title} an agreed payment is approved", is_right=is_right, code=answer["39"])
    again = switch.ask("0200", asked)
    is_right = {**again, "39": "00"} == answer if again["39"] == "00" else again["39"] == "94"
    expect(f"{title} its repeat is answered as before, or with 94", is_right=is_right, code=again["39"])
    second = switch.ask("0200", switch.request(agreed["alias"], "000000125050") | {"48": agreed["order"]})
    expect(f"{title} an alias is good once", is_right=second["39"] not in {"00", "94"}, code=second["39"])
    back = switch.reversal(asked)
    for mti in ("0420", "0421"):
        code = switch.ask(mti, back)["39"]
        expect(f"{title} {mti} gives it back", is_right=code == "00", code=code)
    code = switch.ask("0200", asked)["39"]
    expect(f"{title} what was reversed is not asked for again", is_right=code == "94", code=code)


def refused(switch: Switch, title: str) -> None:
    nobody = "5060990000000000000" if switch.house["alias_field"] == "2" else "AL0000000000000000ZZ"
    unknown = switch.request(nobody, "000000010000")
    code = switch.ask("0200", unknown)["39"]
    expect(f"{title} an alias that nobody knows", is_right=code == "14", code=code)
    never_sent = switch.request(nobody, "000000010000")
    code = switch.ask("0420", switch.reversal(never_sent))["39"]
    expect(f"{title} a reversal of what never came", is_right=code == "25", code=code)
    content = sealed("0200", switch.request(nobody, "000000010000"), switch.house["mac_key"])
    is_right = switch.send(content[:-1] + bytes([content[-1] ^ 1])) == b""
    expect(f"{title} a wrong MAC ends the connection", is_right=is_right)


def main(houses: list[Json]) -> None:
    versions("starkbank-iso8583", "pycryptodome")
    vectors()
    for house in houses:
        name, _, port = house["place"].partition(":")
        with socket.create_connection((name, int(port)), timeout=10) as connection:
            switch, title = Switch(house, connection), f"{house['id']}:"
            switch.network("001")
            switch.network("301")
            paid(switch, title)
            refused(switch, title)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
