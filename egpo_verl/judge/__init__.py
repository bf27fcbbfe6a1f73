"""A language model judges rows: they are kept, corrected or dropped; nothing paid for is lost."""
