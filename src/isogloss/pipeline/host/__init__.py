"""Stages as processes of one host.

- `hardware`, `slots`: its cores and GPUs, and who has which
- `leash`, `execute`: one stage as a process that cannot be orphaned
- `repro_output`, `leftovers`: what its output says, and what a killed one leaves
- `run_lock`, `file_locks`, `signals`: one run at a time in a clone, and Ctrl-C
"""
