"""`python -m egpo_verl.doctor`: whether this machine can train with EGPO, and what to mend.

A check is a function that yields `Finding`s. None of them changes anything, and one that fails
itself is a finding too, so the doctor always comes to its end.
"""
