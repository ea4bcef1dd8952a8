"""Code for one institution, where no setting of its family says what its document forces.

`quirks/<biller id>.py`, with the paragraph in its docstring. None is needed yet.
"""
