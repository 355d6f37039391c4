"""Masks: a pattern draws which cells are hidden, a fill writes what stands there, `Mask` composes them.

Modules of this room import torch where they draw, so that plans, checks and catalogues start without it.
"""
