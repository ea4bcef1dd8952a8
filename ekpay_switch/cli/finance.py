"""What the commands of the night get from the core: `finance_ports.Finance`, opened when it is first used."""
