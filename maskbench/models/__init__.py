"""Model factories: each is called with a data set's description and returns an `nn.Module`.

A model knows no masks, data or seeds. Inputs are (B, *shape); outputs are logits (B, classes) or
predictions (B, 1).
"""
