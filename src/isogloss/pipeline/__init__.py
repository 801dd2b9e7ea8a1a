"""The DVC graph and its execution: what is stale and why, which stages run side by side, what became of them.

- `plan`, `outcome`: what a run would do, and how a stage ended, as plain data
- `schedule`, `retry`, `reproduce`: the order, second tries, a whole run
- `console`, `progress`, `masking`, `provenance`, `results`: what a run tells, and what it leaves
- `repo`: the DVC repository and git
- `host`: stages as processes of this host
- `workers`: stages on Prefect's workers
- `sweeps`: the runs of an experiment file
- `prefect_api`: the server, and jobs as its tasks

Nothing here imports Prefect at module level, and nothing of the science at all.
"""
