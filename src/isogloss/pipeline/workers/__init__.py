"""Stages on the workers of Prefect's pools, on one host or many.

- `pools`, `remote_run`, `view`: the coordinator's side
- `stage_run`, `beat`, `processes`: the worker's side
- `interface`: server, deployments and a worker for each pool with one command
"""
