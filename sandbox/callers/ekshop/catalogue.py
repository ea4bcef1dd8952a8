"""What the shop sells, who sells it where, and who carries it; every name here is invented.

Prices are whole paisa and odd on purpose, so that shares have to be rounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sandbox.kit.payer_pages.language import Text


@dataclass(frozen=True, slots=True)
class Seller:
    """A seller; `code` is its payee code at the switch, `district` a code of `DISTRICTS`."""

    code: str
    name: Text
    district: str


@dataclass(frozen=True, slots=True)
class Good:
    """A good on sale; `weight_grams` decides the price of its carriage."""

    code: str
    seller: str
    name: Text
    price_paisa: int
    weight_grams: int


@dataclass(frozen=True, slots=True)
class Carrier:
    """A delivery partner: its prices within a district, to another, by further kilogram; and its time."""

    code: str
    name: Text
    near_paisa: int
    far_paisa: int
    kilogram_paisa: int
    expected: Text


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent who orders for villagers at a union digital centre; its share is a commission."""

    code: str
    name: Text
    district: str


DISTRICTS: Mapping[str, Text] = MappingProxyType(
    {
        "bogura": Text("বগুড়া", "Bogura"),
        "jamalpur": Text("জামালপুর", "Jamalpur"),
        "khulna": Text("খুলনা", "Khulna"),
        "rajshahi": Text("রাজশাহী", "Rajshahi"),
        "rangamati": Text("রাঙ্গামাটি", "Rangamati"),
        "sylhet": Text("সিলেট", "Sylhet"),
        "tangail": Text("টাঙ্গাইল", "Tangail"),
        "satkhira": Text("সাতক্ষীরা", "Satkhira"),
    }
)

SELLERS: tuple[Seller, ...] = (
    Seller("nakshi-jamalpur", Text("নকশী ঘর", "Nakshi Ghar"), "jamalpur"),
    Seller("tant-tangail", Text("তাঁত পল্লী", "Tant Palli"), "tangail"),
    Seller("doi-bogura", Text("মহাস্থান দই", "Mahasthan Doi"), "bogura"),
    Seller("modhu-satkhira", Text("বাদাবনের মধু", "Badaboner Modhu"), "satkhira"),
    Seller("aam-rajshahi", Text("বরেন্দ্র আম", "Barendra Aam"), "rajshahi"),
    Seller("cha-sylhet", Text("টিলার চা", "Tilar Cha"), "sylhet"),
    Seller("pinon-rangamati", Text("পাহাড়ি বুনন", "Pahari Bunon"), "rangamati"),
    Seller("mati-khulna", Text("মাটির কাজ", "Matir Kaj"), "khulna"),
)

GOODS: tuple[Good, ...] = (
    Good("kantha", "nakshi-jamalpur", Text("নকশী কাঁথা", "Embroidered quilt"), 2_450_75, 1_800),
    Good("cushion", "nakshi-jamalpur", Text("কুশন কভার", "Cushion cover"), 349_50, 250),
    Good("purse", "nakshi-jamalpur", Text("হাতের ব্যাগ", "Stitched purse"), 189_25, 120),
    Good("saree", "tant-tangail", Text("তাঁতের শাড়ি", "Handloom saree"), 1_875_40, 700),
    Good("gamcha", "tant-tangail", Text("গামছা", "Gamcha"), 165_05, 150),
    Good("lungi", "tant-tangail", Text("লুঙ্গি", "Lungi"), 420_10, 300),
    Good("doi", "doi-bogura", Text("মিষ্টি দই", "Sweet curd"), 240_35, 1_000),
    Good("sandesh", "doi-bogura", Text("সন্দেশ", "Sandesh"), 380_99, 500),
    Good("honey", "modhu-satkhira", Text("খলিসা ফুলের মধু", "Khalisha honey"), 799_33, 600),
    Good("wax", "modhu-satkhira", Text("মৌচাকের মোম", "Beeswax"), 155_45, 200),
    Good("mango", "aam-rajshahi", Text("হিমসাগর আম", "Himsagar mangoes"), 615_60, 5_000),
    Good("amsotto", "aam-rajshahi", Text("আমসত্ত্ব", "Mango leather"), 210_15, 400),
    Good("pickle", "aam-rajshahi", Text("আমের আচার", "Mango pickle"), 175_85, 450),
    Good("tea", "cha-sylhet", Text("কালো চা", "Black tea"), 285_70, 400),
    Good("green-tea", "cha-sylhet", Text("সবুজ চা", "Green tea"), 345_95, 250),
    Good("pinon", "pinon-rangamati", Text("পিনন", "Pinon cloth"), 1_360_20, 600),
    Good("basket", "pinon-rangamati", Text("বাঁশের ঝুড়ি", "Bamboo basket"), 225_55, 900),
    Good("jar", "mati-khulna", Text("মাটির কলসি", "Clay jar"), 130_65, 2_500),
    Good("lamp", "mati-khulna", Text("মাটির প্রদীপ", "Clay lamp"), 35_00, 150),
    Good("plate", "mati-khulna", Text("মাটির থালা", "Clay plate"), 95_90, 700),
)

# Customers get their parcels by courier; orders of an agent go to the centre by post.
COURIER = Carrier(
    "padma-courier",
    Text("পদ্মা কুরিয়ার", "Padma Courier"),
    60_00,
    120_00,
    15_50,
    Text("২ থেকে ৩ দিনের মধ্যে", "within 2 to 3 days"),
)
POST = Carrier(
    "gram-dak",
    Text("গ্রাম ডাক", "Gram Dak"),
    45_00,
    85_00,
    12_25,
    Text("৫ থেকে ৬ দিনের মধ্যে", "within 5 to 6 days"),
)
CARRIERS: tuple[Carrier, ...] = (COURIER, POST)

AGENTS: tuple[Agent, ...] = (
    Agent("udc-fulbari", Text("ফুলবাড়ী ডিজিটাল সেন্টার", "Fulbari Digital Centre"), "bogura"),
    Agent("udc-shimultoli", Text("শিমুলতলী ডিজিটাল সেন্টার", "Shimultoli Digital Centre"), "tangail"),
    Agent("udc-noapara", Text("নোয়াপাড়া ডিজিটাল সেন্টার", "Noapara Digital Centre"), "khulna"),
)

SELLER_OF: Mapping[str, Seller] = MappingProxyType({seller.code: seller for seller in SELLERS})
GOOD_OF: Mapping[str, Good] = MappingProxyType({good.code: good for good in GOODS})
AGENT_OF: Mapping[str, Agent] = MappingProxyType({agent.code: agent for agent in AGENTS})

PAYEES: tuple[tuple[str, str, Text], ...] = (
    *((seller.code, "seller", seller.name) for seller in SELLERS),
    *((carrier.code, "delivery", carrier.name) for carrier in CARRIERS),
    *((agent.code, "agent", agent.name) for agent in AGENTS),
)
"""Everybody who may have a share, with their kind at the switch; without the shop itself."""
