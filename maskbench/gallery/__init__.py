"""The catalogue of masks as people see it: the list, a card, a preview, one picture of all."""
