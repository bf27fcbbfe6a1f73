"""Tools of a house."""

from egpo_verl.toolworld import values
from egpo_verl.toolworld.spec import Spec, choice, flag, optional, real, subset, text, whole

ROOMS = ("kitchen", "bedroom", "bathroom", "office", "hall")

SPECS = (
    Spec(
        "set_temperature",
        "Heat a room.",
        ("set the temperature", "set the heating"),
        (
            choice("room", ROOMS, "in the {}", "of the {}"),
            real("degrees", 15, 27, "to {} degrees", "to {}"),
        ),
    ),
    Spec(
        "switch_light",
        "Switch the light of a room.",
        ("switch the light", "turn the light"),
        (
            flag("on", "on", "off"),
            choice("room", ROOMS, "in the {}"),
            optional(whole("brightness", 10, 100, "at brightness {}"), 100),
        ),
    ),
    Spec(
        "start_vacuum",
        "Let the robot clean rooms.",
        ("start the vacuum", "let the robot clean"),
        (
            subset("rooms", (*ROOMS, "attic", "garage", "balcony"), "in the {}"),
            optional(choice("power", ("quiet", "normal", "strong"), "at {} power"), "normal"),
        ),
    ),
    Spec(
        "lock_door",
        "Lock a door.",
        ("lock the door", "close and lock the door"),
        (
            choice("door", ("front", "back", "garage"), "at the {}"),
            optional(whole("minutes", 5, 60, "for {} minutes")),
        ),
    ),
    Spec(
        "show_camera",
        "Show the picture of a camera.",
        ("show the camera", "open the camera picture"),
        (
            text("camera", values.name, "called {}", "named {}"),
            optional(flag("record", "and record it", "and do not record it"), False),
        ),
    ),
    Spec(
        "water_garden",
        "Water a part of the garden.",
        ("water the garden", "turn on the sprinkler"),
        (
            choice("zone", ("lawn", "roses", "herbs"), "in the zone {}"),
            whole("minutes", 5, 60, "for {} minutes"),
        ),
        held_out=True,
    ),
)
