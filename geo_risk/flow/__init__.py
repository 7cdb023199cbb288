"""Config, plan, run: from one YAML file to a finished output folder."""
