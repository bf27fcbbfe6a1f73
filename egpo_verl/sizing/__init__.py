"""What a run needs of its GPUs: memory by a stated calculation, hours by a rough estimate.

    python -m egpo_verl.sizing examples/run_*.sh

reads each script's command as verl would, and prints a row of the table in examples/README.md.
"""
