"""Early warnings: thresholds that say in time what will not be met, like the brake that lets a car go fast.

``detecting`` opens and closes them set-based; ``answering`` is the head's acknowledgement with what will be
done. Requirements 42 and 44.

Invariants: at most one open warning per kind and subject; a warning opens with its evidence and closes by
itself when the breach has ended; nobody closes one by hand; what is paused has no open warning.
"""
