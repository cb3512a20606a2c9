"""Settings: what a user can choose, checked, stored and explained.

One typed record serves flags, file, API and page. Heavy imports stay inside the modules, so that
`vcam --help` does not pay for them.
"""
