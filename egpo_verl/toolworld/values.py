"""Pools of values, and the rule in which split a value may stand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

Value = TypeVar("Value")
Pool = Callable[[Random], str]

TEST_SHARE = 5
"""One value (and one question) out of this many belongs to the test splits."""


def _words(text: str, by: str = " ") -> tuple[str, ...]:
    return tuple(text.split(by))


FIRST_NAMES = _words(
    "Ana Ben Carla David Elena Felix Grace Hugo Irene Jonas Karin Leo Maria Nils Olga Paul Rosa "
    "Simon Tara Victor Wendy Yusuf Zoe Amir Bianca Chen Dora Emil Fatima Goran Helen Ivan Julia "
    "Kofi Lena Marco Nadia Oscar Priya Ravi Sara Tomas Uma Vera Walter Ximena Yara Zane"
)
LAST_NAMES = _words(
    "Silva Weber Rossi Novak Kim Okafor Larsen Mendez Patel Quinn Romero Sato Turner Ueda Vargas "
    "Walsh Young Zeman Adler Brandt Costa Dumont Eriksen Fischer Garcia Hansen Ito Jansen Keller "
    "Lopez Moreno Nguyen Olsen Perez Reyes Schmidt Tanaka Ulrich Vogel Wright"
)
CITIES = _words(
    "Oslo Paris Lima Cairo Dublin Madrid Tokyo Berlin Rome Vienna Prague Lisbon Athens Warsaw "
    "Zurich Geneva Milan Naples Turin Seville Porto Lyon Nice Bordeaux Hamburg Munich Bremen "
    "Dresden Leipzig Cologne Krakow Gdansk Riga Vilnius Tallinn Helsinki Bergen Malmo Aarhus "
    "Ghent Bruges Antwerp Utrecht Leiden Delft Glasgow Cardiff Belfast Leeds Bristol York Boston "
    "Denver Austin Dallas Seattle Portland Chicago Toronto Montreal Havana Bogota Quito Santiago "
    "Salta Cordoba Recife Salvador Accra Lagos Nairobi Kampala Tunis Rabat Amman Muscat Doha "
    "Mumbai Delhi Chennai Kolkata Hanoi Manila Jakarta Seoul Busan Osaka Kyoto Sapporo Taipei "
    "Perth Sydney Hobart Auckland Suva"
)
ADJECTIVES = _words(
    "Blue Red Green Golden Silver Quiet Happy Little Grand Old New Bright Dark Wild Lucky Royal "
    "Sunny Hidden Rusty Velvet"
)
NOUNS = _words(
    "Harbor Garden River Lantern Fox Olive Mountain Bridge Moon Anchor Forest Lemon Tiger Castle "
    "Dragon Kettle Meadow Orchard Pepper Swan Tower Valley Willow Island"
)
DISHES = _words(
    "lasagna;ramen;paella;goulash;chili;tacos;curry;pancakes;risotto;pad thai;onion soup;"
    "apple pie;fish stew;lentil soup;bean salad;rice pudding;pumpkin soup;tomato salad;corn bread;"
    "egg curry;lemon cake;potato salad;mushroom risotto;carrot cake;noodle soup;cheese pie",
    ";",
)
GOODS = _words(
    "milk;bread;rice;eggs;butter;coffee;tea;apples;lemons;cheese;pasta;honey;soap;candles;pencils;"
    "batteries;socks;gloves;a lamp;a kettle;a backpack;a tent;an umbrella;a mirror;a blanket;"
    "a bicycle;a camera;a keyboard;a teapot;a clock;a guitar;a ladder;a hammer;a pillow;towels;"
    "envelopes;markers;plates;spoons;mugs",
    ";",
)
CHORES = _words(
    "call the bank;water the plants;feed the cat;buy stamps;pay the rent;clean the oven;"
    "wash the car;take the medicine;return the books;book the dentist;walk the dog;"
    "charge the phone;pick up the kids;renew the passport;send the invoice;back up the laptop;"
    "call the plumber;print the tickets;lock the shed;empty the bins",
    ";",
)
SUBJECTS = _words(
    "the report;the train;the meeting;the parcel;dinner;the car;the plan;the room", ";"
)
STATES = _words(
    "is late;is ready;is on time;is cancelled;starts at noon;looks good;needs work", ";"
)
MONTHS = _words("January March April May June July August October")
FILE_STEMS = _words("notes report budget photo draft invoice recipe letter plan summary list map")
FILE_KINDS = _words("txt pdf csv png")
STREETS = _words("Oak Maple Mill Church Station Park Lake Hill Garden Market Bridge Castle")


def home(value: object) -> str:
    """`"train"` or `"test"`: the kind of split that `value` (any JSON value) belongs to.

    It is a digest of the value's JSON, so it holds in every process and Python version.
    """
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    return "test" if digest[0] % TEST_SHARE == 0 else "train"


def side(split: str) -> str:
    """The `home` from which `split` takes its values: both test splits share one."""
    return "train" if split == "train" else "test"


def draw_at_home(rng: Random, split: str, draw: Callable[[Random], Value]) -> Value:
    """Draw until a value lives on the side of `split`."""
    while True:
        value = draw(rng)
        if home(value) == side(split):
            return value


def one_of(words: Sequence[str]) -> Pool:
    """A pool of these words."""
    return lambda rng: rng.choice(words)


def _joined(left: Sequence[str], right: Sequence[str], glue: str = " ") -> Pool:
    return lambda rng: rng.choice(left) + glue + rng.choice(right)


def _person(rng: Random) -> str:
    first = rng.choice(FIRST_NAMES)
    return first if rng.random() < 0.3 else f"{first} {rng.choice(LAST_NAMES)}"


def _code(rng: Random) -> str:
    letters = "".join(rng.choice("ABCDEFGHKLMNPRSTXZ") for _ in range(2))
    return letters + str(rng.randrange(100, 1000))


person: Pool = _person
code: Pool = _code
city = one_of(CITIES)
dish = one_of(DISHES)
good = one_of(GOODS)
chore = one_of(CHORES)
name = _joined(ADJECTIVES, NOUNS)
remark = _joined(SUBJECTS, STATES)
file = _joined(FILE_STEMS, FILE_KINDS, ".")


def date(rng: Random) -> str:
    """A day of the year, as in `May 17`."""
    return f"{rng.choice(MONTHS)} {rng.randrange(1, 31)}"


def clock(rng: Random) -> str:
    """A time of day, as in `18:30`."""
    return f"{rng.randrange(7, 23)}:{rng.choice(('00', '15', '30', '45'))}"


def street(rng: Random) -> str:
    """A street and a number, as in `12 Mill Street`."""
    return f"{rng.randrange(1, 90)} {rng.choice(STREETS)} Street"
