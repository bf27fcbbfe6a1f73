"""The functions a row offers: what they ask for, and what they are called."""
