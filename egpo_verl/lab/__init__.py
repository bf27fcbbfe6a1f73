"""The laboratory: arms times seeds through verl's own trainer, and the report on them."""
