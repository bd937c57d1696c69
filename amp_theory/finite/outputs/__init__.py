"""Output functions: what message passing needs of an output channel on finite instances.

May import: tools, ingredients.

- `named`: g_out and its derivative for the channels with names; `likelihood`: for one given by its likelihood;
  `choose`: that of any channel, and where others register theirs.
"""
