"""The DVC repository. DVC's internals (3.67) are known here alone.

- `opening`, `git`: the repository, and git's
- `graph`, `sharing`, `files`: what is stale and why, which stages of different runs are the same, whose files are whose
- `run_cache`, `restore`, `exchange`: what the caches know, and results on their way between workspaces
- `lock_entries`, `worktree`: entries of dvc.lock, and workspaces beside the clone's own
- `experiments`, `outputs`: results as DVC experiments, and out of them again
"""
