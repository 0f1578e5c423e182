"""The command line: one command a stage, in the order of the loop, one file each.

`main` registers them and turns errors into sentences and exit codes; `console` is the only place that
prints. Command bodies import late, so that `endcloud --help` answers at once.
"""
