"""What every service needs and no service owns. Nothing here knows a word of the shop's business.

`service.py` puts one service together and `serve.py` runs it; below them lie, each importing only what stands
after it: `http` and `events`, `data`, `runtime`.
"""
