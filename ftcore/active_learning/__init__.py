"""Which text to label next, chosen beside a random control arm, and what choosing has bought."""
