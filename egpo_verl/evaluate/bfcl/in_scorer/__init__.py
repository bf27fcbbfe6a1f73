"""What runs inside BFCL's environment: its entries, its multi-turn loop, its evaluation.

    python in_scorer entries --categories A,B --out FILE
    python in_scorer loop --models NAME --prompts FILE --socket PATH --threads N
    python in_scorer score --models A,B --categories A,B [--partial]

The working folder is BFCL's project folder: `result/` and `score/` lie in it. That environment has
no egpo_verl, so nothing of it is imported here, and modules of this folder import each other
relatively.
"""
