"""``deskhand new``: the first version of somebody's own plugin, with its test, green from the first run."""
