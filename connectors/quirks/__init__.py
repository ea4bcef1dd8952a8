"""Code for one provider, where no setting of its family says what its document forces.

`quirks/<connector id>.py`, with the paragraph in its docstring. None is needed yet.
"""
