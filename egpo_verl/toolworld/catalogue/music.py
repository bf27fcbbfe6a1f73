"""Tools for music."""

from egpo_verl.toolworld import values
from egpo_verl.toolworld.spec import Spec, choice, flag, optional, real, several, text, whole

SPECS = (
    Spec(
        "play_song",
        "Play a song.",
        ("play the song", "put on the song"),
        (
            text("title", values.name, "{}", "called {}"),
            optional(text("artist", values.person, "by {}")),
        ),
    ),
    Spec(
        "create_playlist",
        "Make a playlist of songs.",
        ("create a playlist", "make a playlist"),
        (
            several("songs", values.name, "with {}", "of {}"),
            optional(flag("public", "open to everyone", "only for me"), False),
        ),
    ),
    Spec(
        "set_volume",
        "Set how loud the music is.",
        ("set the volume", "change the volume"),
        (whole("level", 0, 100, "to {}", "to level {}"),),
    ),
    Spec(
        "find_concerts",
        "Find concerts in a city.",
        ("find concerts", "look for concerts"),
        (
            text("city", values.city, "in {}"),
            optional(choice("genre", ("jazz", "rock", "folk", "opera"), "of genre {}")),
            optional(real("max_price", 10, 150, "for at most {}")),
        ),
    ),
    Spec(
        "follow_artist",
        "Follow an artist.",
        ("follow the artist", "subscribe to the artist"),
        (text("artist", values.person, "{}", "named {}"),),
    ),
    Spec(
        "rate_album",
        "Rate an album.",
        ("rate the album", "give my rating to the album"),
        (text("album", values.name, "{}"), whole("stars", 1, 5, "with {} stars")),
        held_out=True,
    ),
)
