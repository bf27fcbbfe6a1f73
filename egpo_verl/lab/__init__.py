"""The laboratory: arms times seeds through verl's trainer, and the report on them."""
