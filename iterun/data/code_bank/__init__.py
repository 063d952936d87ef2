"""Programming problems that come with the package: real functions, read as text.

Each function is the reference solution; its signature and docstring are the task that is set, and
the examples in it are visible. `INPUTS` of its module holds the arguments of the hidden tests.
Every function is defined for all values of its types, whatever their size or sign.
"""
