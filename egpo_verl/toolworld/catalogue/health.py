"""Tools for health and sport."""

from egpo_verl.toolworld import values
from egpo_verl.toolworld.spec import Spec, choice, flag, optional, real, text, whole

SPECS = (
    Spec(
        "log_workout",
        "Note a workout.",
        ("log a workout", "note my training"),
        (
            choice("sport", ("running", "swimming", "yoga", "cycling"), "of {}"),
            whole("minutes", 5, 95, "for {} minutes"),
            optional(real("distance", 1, 30, "over {} km")),
        ),
    ),
    Spec(
        "log_meal",
        "Note a meal.",
        ("log a meal", "note a meal"),
        (
            text("food", values.dish, "of {}"),
            optional(choice("meal", ("breakfast", "lunch", "dinner"), "for {}")),
        ),
    ),
    Spec(
        "book_doctor",
        "Book a visit to a doctor.",
        ("book an appointment", "arrange a visit"),
        (
            text("doctor", values.person, "with doctor {}"),
            text("date", values.date, "on {}"),
            optional(flag("online", "by video", "in person"), False),
        ),
    ),
    Spec(
        "compute_bmi",
        "Body mass index.",
        ("compute my body mass index", "work out the body mass index"),
        (
            real("weight", 45, 120, "with weight {} kg"),
            whole("height", 145, 205, "with height {} cm"),
        ),
    ),
    Spec(
        "log_sleep",
        "Note a night's sleep.",
        ("log my sleep", "note that I slept"),
        (
            real("hours", 3, 11, "for {} hours"),
            optional(choice("quality", ("good", "fair", "poor"), "with {} quality")),
        ),
    ),
    Spec(
        "order_medicine",
        "Order a medicine.",
        ("order the medicine", "get more of the medicine"),
        (text("medicine", values.code, "{}"), whole("pills", 10, 90, "with {} pills")),
        held_out=True,
    ),
)
