"""Tools for files."""

from egpo_verl.toolworld import values
from egpo_verl.toolworld.spec import Spec, choice, flag, optional, record, several, text, whole

SPECS = (
    Spec(
        "create_file",
        "Write a text into a file.",
        ("create the file", "make a file"),
        (
            text("file", values.file, "{}", "named {}"),
            text("text", values.remark, "with the text '{}'", "that says '{}'"),
        ),
    ),
    Spec(
        "delete_files",
        "Delete files.",
        ("delete the files", "remove the files"),
        (
            several("files", values.file, "{}", "named {}"),
            optional(flag("forever", "forever", "but keep them in the bin"), False),
        ),
    ),
    Spec(
        "rename_file",
        "Give a file another name.",
        ("rename the file", "change the name of the file"),
        (text("old", values.file, "{}"), text("new", values.file, "to {}")),
    ),
    Spec(
        "resize_image",
        "Change the size of an image.",
        ("resize the image", "scale the image"),
        (
            text("file", values.file, "{}"),
            record(
                "size",
                whole("width", 100, 2000, "to width {}"),
                whole("height", 100, 2000, "and height {}"),
            ),
        ),
    ),
    Spec(
        "print_file",
        "Print a file.",
        ("print the file", "make a print of the file"),
        (
            text("file", values.file, "{}"),
            optional(whole("copies", 2, 20, "in {} copies"), 1),
            optional(flag("color", "in color", "in black and white"), False),
        ),
    ),
    Spec(
        "pack_folder",
        "Pack a folder into an archive.",
        ("pack the folder", "compress the folder"),
        (
            text("folder", values.name, "{}"),
            choice("format", ("zip", "tar"), "as {}"),
        ),
        held_out=True,
    ),
)
