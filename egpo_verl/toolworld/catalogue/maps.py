"""Tools of a map."""

from egpo_verl.toolworld import values
from egpo_verl.toolworld.spec import Spec, choice, optional, real, record, text, whole

SPECS = (
    Spec(
        "get_directions",
        "Way between two places.",
        ("get directions", "show me the way"),
        (
            text("start", values.name, "from {}"),
            text("goal", values.name, "to {}"),
            optional(choice("mode", ("walking", "driving", "bus"), "by {}"), "driving"),
        ),
    ),
    Spec(
        "find_nearby",
        "Find places of a kind.",
        ("find places nearby", "look for places around here"),
        (
            choice("kind", ("bank", "pharmacy", "museum", "cafe"), "of kind {}"),
            optional(real("radius", 1, 20, "within {} km")),
        ),
    ),
    Spec(
        "get_distance",
        "Distance between two cities.",
        ("get the distance", "tell me how far it is"),
        (
            text("start", values.city, "from {}"),
            text("goal", values.city, "to {}"),
            optional(choice("unit", ("km", "miles"), "in {}"), "km"),
        ),
    ),
    Spec(
        "save_place",
        "Save a place on the map.",
        ("save the place", "mark the place"),
        (
            text("name", values.name, "{}", "as {}"),
            record(
                "position",
                real("lat", 1, 80, "at latitude {}"),
                real("lon", 1, 99, "and longitude {}"),
            ),
        ),
    ),
    Spec(
        "get_traffic",
        "Traffic in a city.",
        ("check the traffic", "tell me about the traffic"),
        (
            text("city", values.city, "in {}"),
            optional(text("time", values.clock, "at {}")),
        ),
    ),
    Spec(
        "share_location",
        "Share the user's position.",
        ("share my location", "show where I am"),
        (
            text("person", values.person, "with {}", "to {}"),
            whole("minutes", 5, 90, "for {} minutes"),
        ),
        held_out=True,
    ),
)
