"""The demo: the switch as real processes, partners that pay, faults on purpose, and the proof afterwards."""
