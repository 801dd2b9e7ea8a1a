"""Stages as processes of one host.

- `hardware`, `slots`: its cores and GPUs, and which stage holds which of them
- `leash`, `execute`: one stage as a process that cannot be orphaned
- `repro_output`, `leftovers`: reading a stage's output, and removing the files of a killed one
- `run_lock`, `file_locks`, `signals`: one run at a time in a clone, and Ctrl-C
"""
