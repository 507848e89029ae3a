"""The part of the code that is in every image.

It may import the standard library, onnxruntime and numpy (in onnx/python.py alone), and Pillow (in
images/decode.py alone).
"""
