"""The demo: real processes of the switch, partners that pay, injected faults, and the proof afterwards."""
