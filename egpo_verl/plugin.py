"""What verl loads."""
