"""The runs of an experiment file: `sweep_plan` plans them, `sweep` executes the plan, `run_workspace` executes one
run."""
