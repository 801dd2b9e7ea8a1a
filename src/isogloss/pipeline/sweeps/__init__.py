"""The runs of an experiment file: `sweep_plan` plans them, `sweep` executes them, `run_workspace` is one run."""
