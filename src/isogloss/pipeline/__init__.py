"""The DVC graph and its execution: what is stale and why, which stages run side by side, what became of them.

- `graph`: the plan, read from the DVC repository
- `plan`: the plan as plain data
- `leash`, `execute`: one stage as a process that cannot be orphaned
- `slots`, `schedule`: cores, GPUs, and the order
- `console`, `provenance`: what a run tells and what it leaves
- `lock`, `server`, `tasks`, `reproduce`: one run at a time, the Prefect API, jobs as its tasks, a whole run
- `sweep_plan`, `sharing`: the runs of an experiment file, and which of their stages are the same
- `sweep`, `run_workspace`, `worktree`, `restore`: a sweep, one run of it, its folder, what the cache knows of it
- `experiments`, `outputs`, `git`: results as DVC experiments, and out of them again
- `repository`: opening DVC; its internals are known to `graph`, `sharing` and `restore` alone

Nothing here imports Prefect at module level, and nothing of the science at all.
"""
