"""`iterun ui`: a screen to browse, filter, mark, plot and compare runs with the keyboard.

What is shown is made without textual (`runs`, `fields`, `listing`, `details`, `pages`); `app` and
the widgets around it draw it. Texts reach the terminal as cleaned segments, never as markup.
"""
