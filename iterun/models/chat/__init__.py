"""Chat models: here, on a server, from a script, or a program; and what surrounds them."""
