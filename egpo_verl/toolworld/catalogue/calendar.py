"""Tools for a calendar."""

from egpo_verl.toolworld import values
from egpo_verl.toolworld.spec import Spec, optional, several, text, whole

SPECS = (
    Spec(
        "create_event",
        "Add an event to the calendar.",
        ("create an event", "add an event to my calendar"),
        (
            text("title", values.name, "called {}", "named {}"),
            text("date", values.date, "on {}"),
            optional(whole("minutes", 10, 90, "for {} minutes"), 60),
        ),
    ),
    Spec(
        "delete_event",
        "Remove an event from the calendar.",
        ("delete the event", "remove the event"),
        (text("title", values.name, "{}", "named {}"),),
    ),
    Spec(
        "set_reminder",
        "Remind the user of a task.",
        ("remind me", "set a reminder"),
        (text("task", values.chore, "to {}"), text("time", values.clock, "at {}")),
    ),
    Spec(
        "invite_people",
        "Invite people to an event.",
        ("invite people", "send invitations"),
        (
            text("title", values.name, "to the event {}"),
            several("people", values.person, "namely {}", "for {}"),
        ),
    ),
    Spec(
        "find_free_time",
        "Find a free slot on a day.",
        ("find free time", "look for a free slot"),
        (
            text("date", values.date, "on {}"),
            optional(whole("minutes", 10, 90, "of {} minutes"), 30),
        ),
    ),
    Spec(
        "move_event",
        "Move an event to another day.",
        ("move the event", "shift the event"),
        (text("title", values.name, "{}"), text("date", values.date, "to {}")),
        held_out=True,
    ),
)
