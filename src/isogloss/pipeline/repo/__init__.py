"""The DVC repository. Only this package uses the internals of DVC (3.67).

- `opening`, `git`: opening the DVC repository, and git commands
- `graph`, `sharing`, `files`: which stages are stale and why, which stages of different runs are equal, which files
  belong to which stage
- `run_cache`, `restore`, `exchange`: results in the caches, and their transfer between workspaces
- `lock_entries`, `worktree`: entries of dvc.lock, and workspaces beside the clone's own
- `experiments`, `outputs`: saving results as DVC experiments, and reading them back
"""
