"""What comes in from elsewhere and what goes out.

`formats` lists the formats in which a model leaves. `lesson_import` opens the lesson's .pth file without
running code in it; `script` writes a run as a plain PyTorch script from `script.txt`, with the parts
`encoder_*.txt` for an encoder.
"""
