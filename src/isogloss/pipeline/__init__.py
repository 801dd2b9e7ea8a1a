"""The DVC graph and its execution: which stages are stale and why, which run in parallel, and how each one ended.

- `plan`, `outcome`: what a run would do, and how a stage ended, as plain data
- `schedule`, `reproduce`: the order of stages and retries, a whole run
- `console`, `progress`, `masking`, `provenance`, `results`: what a run prints, and what it records
- `repo`: the DVC repository and git
- `host`: stages as processes of this host
- `workers`: stages on Prefect's workers
- `sweeps`: the runs of an experiment file
- `prefect_api`: the server, and jobs as its tasks

No module here imports Prefect at module level, and none imports the packages for speech, cohorts or statistics.
"""
