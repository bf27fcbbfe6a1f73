"""Tasks with a value that the question does not state: it has to be derived."""
