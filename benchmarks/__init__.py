"""What `make bench` runs: the switch and PostgreSQL's own pgbench in turns, on one machine, in one run."""
