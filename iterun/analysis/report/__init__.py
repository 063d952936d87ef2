"""Runs as one self-contained page: what `gather` finds, drawn by the templates beside it.

`gather` reads, `page` writes. The page takes everything that comes from a run directory as text:
Jinja escapes it, pictures stand in <img>, and its Content-Security-Policy lets only our own script
run and nothing be fetched.
"""
