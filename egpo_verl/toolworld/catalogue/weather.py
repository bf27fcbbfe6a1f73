"""Tools about the weather."""

from egpo_verl.toolworld import values
from egpo_verl.toolworld.spec import Spec, choice, flag, optional, several, text, whole

SPECS = (
    Spec(
        "get_forecast",
        "Weather forecast of a city.",
        ("get the weather forecast", "tell me the weather", "show the forecast"),
        (
            text("city", values.city, "for {}", "in {}"),
            optional(whole("days", 1, 14, "for the next {} days", "over {} days"), 1),
            optional(choice("units", ("metric", "imperial"), "in {} units"), "metric"),
        ),
    ),
    Spec(
        "get_air_quality",
        "Air quality of a city.",
        ("check the air quality", "tell me how clean the air is"),
        (
            text("city", values.city, "in {}"),
            optional(flag("detailed", "with all details", "without details"), False),
        ),
    ),
    Spec(
        "set_storm_alert",
        "Warn about storms near a city.",
        ("set a storm alert", "warn me about storms"),
        (
            text("city", values.city, "for {}", "near {}"),
            choice("level", ("low", "medium", "high"), "at {} level"),
        ),
    ),
    Spec(
        "get_rainfall",
        "Rain that fell in a month.",
        ("look up the rainfall", "find out how much rain fell"),
        (
            text("city", values.city, "in {}"),
            choice("month", values.MONTHS, "during {}", "for {}"),
        ),
    ),
    Spec(
        "compare_climate",
        "Compare the climate of cities.",
        ("compare the climate", "compare the weather"),
        (
            several("cities", values.city, "of {}", "between {}"),
            optional(choice("measure", ("wind", "humidity", "sunshine"), "by {}")),
        ),
    ),
    Spec(
        "get_tide_times",
        "Times of the tides at a coast.",
        ("look up the tides", "show the tide times"),
        (text("coast", values.city, "at {}", "near {}"), text("date", values.date, "on {}")),
        held_out=True,
    ),
)
