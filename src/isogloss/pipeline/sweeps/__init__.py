"""The runs of an experiment file: `sweep_plan` what is to be done, `sweep` doing it, `run_workspace` one run of it."""
