"""Which kept rows go where: train or test, in which mix, made harder or not."""
