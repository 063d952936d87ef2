"""What runs inside the sandbox: its own view of files, the guard, and the program itself.

These modules are sent in as code and must import nothing but the standard library and each other.
"""
