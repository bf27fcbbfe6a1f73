"""`python -m egpo_verl.doctor`: what stands in the way of a run, and how to fix it.

A check is a function that yields `Finding`s. None of them changes anything, and one that fails
itself is a finding too, so the doctor always comes to its end.
"""
