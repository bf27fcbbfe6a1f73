"""The language of function calls: types, forms, parsing, rendering, matching."""
