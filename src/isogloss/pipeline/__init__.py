"""The DVC graph and its execution: what is stale and why, which stages run side by side, what became of them.

- `graph`: the plan, read from the DVC repository (the only module that knows DVC's internals)
- `plan`: the plan as plain data
- `leash`, `execute`: one stage as a process that cannot be orphaned
- `slots`, `schedule`: cores, GPUs, and the order
- `console`, `provenance`: what a run tells and what it leaves
- `lock`, `server`, `reproduce`: one run at a time, the Prefect API, a whole run

Nothing here imports Prefect at module level, and nothing of the science at all.
"""
