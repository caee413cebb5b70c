"""Starting a distributed MXNet job: one scheduler, servers and workers, here or on other machines.

Nothing in this room imports MXNet. `plan` says who runs where, with which rank and environment;
`job` starts it and watches; each process has an `agent` beside it, on its own machine, which
outlives neither the launcher nor the process.
"""
