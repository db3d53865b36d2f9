"""What the page Label draws: classes, one text after the other, and what choosing has bought."""
