"""Tools for messages and contacts."""

from egpo_verl.toolworld import values
from egpo_verl.toolworld.spec import Spec, choice, flag, optional, record, text, whole

SPECS = (
    Spec(
        "send_message",
        "Send a text message.",
        ("send a message", "write a text message"),
        (
            text("person", values.person, "to {}"),
            text("text", values.remark, "saying '{}'", "with the text '{}'"),
        ),
    ),
    Spec(
        "send_email",
        "Send an email.",
        ("send an email", "write an email"),
        (
            text("person", values.person, "to {}"),
            text("subject", values.remark, "with subject '{}'"),
            optional(flag("urgent", "marked as urgent", "not marked as urgent"), False),
        ),
    ),
    Spec(
        "translate_text",
        "Translate a text.",
        ("translate", "give me a translation of"),
        (
            text("text", values.remark, "'{}'", "the text '{}'"),
            choice("language", ("French", "German", "Spanish", "Italian"), "into {}"),
        ),
    ),
    Spec(
        "block_person",
        "Block a contact.",
        ("block", "stop all messages from"),
        (text("person", values.person, "{}"),),
    ),
    Spec(
        "add_contact",
        "Save a contact.",
        ("add a contact", "save a new contact"),
        (
            record(
                "contact",
                text("name", values.person, "named {}"),
                whole("phone", 1000, 9999, "with phone {}"),
            ),
            optional(choice("group", ("family", "work", "friends"), "in group {}")),
        ),
    ),
    Spec(
        "schedule_call",
        "Schedule a phone call.",
        ("schedule a call", "plan a phone call"),
        (text("person", values.person, "with {}"), text("time", values.clock, "at {}")),
        held_out=True,
    ),
)
