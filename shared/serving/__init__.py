"""The part of the code that is in every image.

It may import the standard library, onnxruntime and numpy (in onnx/python.py alone), and Pillow (in
images/decode.py alone).
"""

# typing.TYPE_CHECKING for these modules: the import of typing would take 2 ms of a cold start.
TYPE_CHECKING = False
