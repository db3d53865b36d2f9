"""A model to hand on: one zip that answers without Unfreeze, and that Unfreeze imports.

It holds a folder of its name:

    README.md            the model card
    report.html          curves and figures, when there is a run
    run.py               the code of the run in plain PyTorch, if it has one
    predict.py           answers texts; requirements.txt names what it needs
    model/               the files of the ONNX export, with classifier.py for predict.py
    unfreeze.json        what follows belongs to, see `contents`
    checkpoint/          the checkpoint, as Unfreeze saves it
    run/                 run.json and the files of `exchange.run_files`

The last three are what an import reads, and nothing else. The weights are in it twice, in the form of each
reader.
"""
