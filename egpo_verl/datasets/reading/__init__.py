"""Files and hub datasets as rows, one at a time, and the values written in their texts."""
