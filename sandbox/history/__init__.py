"""Two years of a market that never was: what eight insurers told, day by day, and what authorities said to it.

Everything follows from the world's seed and moment. `plan` says what is sent when; `load` sends it through the real
interface to a gateway whose clock it moves.
"""
