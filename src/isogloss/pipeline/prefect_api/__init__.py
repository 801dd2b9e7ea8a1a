"""Everything that uses Prefect's API: its `server`, the `deployments` there, jobs as its `tasks`.

Prefect is imported inside functions only, once its API is known.
"""
