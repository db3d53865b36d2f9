"""A model as ONNX: its graph in fp32 or with weights in int8, checked against the model itself.

    model.onnx              `input_ids` and `attention_mask` [batch, length] → `logits` [batch, classes]
    model.json              labels, truncation, special tokens, calibration (see `description`)
    tokenizer.json          of an encoder
    vocabulary.json         of the lesson's model: its words, in the order of their ids
    words.py                of the lesson's model: splits a text into words
    predict.py              answers texts, with onnxruntime and without Unfreeze
    README.md               what it is, what was measured, how to use it

Alone imports onnx and onnxruntime; torch's exporter needs onnxscript.
"""
