"""Everything that knows the insides of verl."""
