"""Native programs: found on this machine, or fetched, verified, unpacked and cached. One module per source.

Names no program: products bring the entries (`entry`), and `finder.Toolbox` is the door to a catalog of them.
"""
